//! `tom-pages DIRECTORY DATE`: writes the man pages of `tom`, in English and German, and the completions of the
//! shells, from the command line that `tom` itself parses. Called when the package is built; linked into nothing.

#[path = "../../../tom-cli/src/arguments.rs"]
#[allow(dead_code, reason = "the values that `tom` reads from its command line; here only its shape counts")]
mod arguments;
mod german;
mod hand_written;
mod manual;
mod translation;

use clap::CommandFactory;
use clap_complete::Shell;
use manual::Language;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What else is in the folder of hand-written pages.
const MANUAL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../man");

fn main() -> ExitCode {
    let mut words = std::env::args_os().skip(1);
    let (Some(directory), Some(date)) = (words.next().map(PathBuf::from), words.next()) else {
        return complain("usage: tom-pages DIRECTORY DATE");
    };
    match write(&directory, &date.to_string_lossy()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => complain(&error.to_string()),
    }
}

fn write(directory: &Path, date: &str) -> io::Result<()> {
    let english = arguments::Arguments::command();
    let german = translation::translated(&english, german::GERMAN).map_err(io::Error::other)?;
    manual::write(&translation::built(&english), Language::English, date, &directory.join("man"))?;
    manual::write(&german, Language::German, date, &directory.join("man/de"))?;
    hand_written::copy(&Path::new(MANUAL).join("en"), &directory.join("man"))?;
    hand_written::copy(&Path::new(MANUAL).join("de"), &directory.join("man/de"))?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        clap_complete::generate_to(shell, &mut translation::visible(&english), "tom", directory)?;
    }
    Ok(())
}

#[allow(clippy::print_stderr, reason = "the one place where this program speaks")]
fn complain(text: &str) -> ExitCode {
    eprintln!("tom-pages: {text}");
    ExitCode::FAILURE
}
