//! The pages of section 1: `tom` and each of its commands, from the command line. What clap_mangen writes is kept but
//! for its headings, which are of one language, and the end of the page, which says where to read on.

use clap::Command;
use clap_mangen::Man;
use std::fs;
use std::io;
use std::path::Path;

/// A language of the pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// As the help is written.
    English,
    /// By the table in german.rs.
    German,
}

/// clap_mangen's words, and the German ones.
const WORDS: [(&str, &str); 9] = [
    (".SH NAME", ".SH BEZEICHNUNG"),
    (".SH SYNOPSIS", ".SH ÜBERSICHT"),
    (".SH DESCRIPTION", ".SH BESCHREIBUNG"),
    (".SH OPTIONS", ".SH OPTIONEN"),
    (".SH SUBCOMMANDS", ".SH BEFEHLE"),
    ("\\fIPossible values:\\fR", "\\fIMögliche Werte:\\fR"),
    ("[default: ", "[Vorgabe: "),
    ("[OPTIONS]", "[OPTIONEN]"),
    ("<COMMAND>", "<BEFEHL>"),
];

/// Writes the page of the built command and of all below it to `man1` of the directory.
pub(crate) fn write(command: &Command, language: Language, date: &str, directory: &Path) -> io::Result<()> {
    let directory = directory.join("man1");
    fs::create_dir_all(&directory)?;
    write_each(command, language, date, &directory)
}

fn write_each(command: &Command, language: Language, date: &str, directory: &Path) -> io::Result<()> {
    for subcommand in command.get_subcommands() {
        write_each(subcommand, language, date, directory)?;
    }
    let name = command.get_display_name().unwrap_or_else(|| command.get_name());
    fs::write(directory.join(format!("{name}.1")), page(command, name, language, date)?)
}

/// One page.
fn page(command: &Command, name: &str, language: Language, date: &str) -> io::Result<String> {
    let source = format!("tom {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(name.to_uppercase()).date(date).source(source);
    let man = man.manual(match language {
        Language::English => "Administrators' logins by policy",
        Language::German => "Anmeldung von Administratoren nach Richtlinie",
    });
    let mut bytes = Vec::new();
    man.render_title(&mut bytes)?;
    man.render_name_section(&mut bytes)?;
    bytes.extend(synopsis(command).into_bytes());
    man.render_description_section(&mut bytes)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(&mut bytes)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut bytes)?;
    }
    let text = String::from_utf8(bytes).map_err(io::Error::other)?;
    Ok(in_words_of(language, &text) + &end(name, language)?)
}

/// How the command is called, as its help says it: clap_mangen leaves out what options take.
fn synopsis(command: &Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace('-', "\\-");
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let options = usage.strip_prefix(&name.replace('-', "\\-")).unwrap_or_default().trim();
    format!(".SH SYNOPSIS\n.B {name}\n{options}\n")
}

/// clap_mangen's own words in the language of the page.
fn in_words_of(language: Language, text: &str) -> String {
    match language {
        Language::English => text.replace(".SH SUBCOMMANDS", ".SH COMMANDS"),
        Language::German => WORDS.iter().fold(text.to_owned(), |text, (english, german)| text.replace(english, german)),
    }
}

/// How a page ends: with what a person wrote for it, else with the way on.
fn end(name: &str, language: Language) -> io::Result<String> {
    let (folder, heading) = match language {
        Language::English => ("en", "SEE ALSO"),
        Language::German => ("de", "SIEHE AUCH"),
    };
    let written = Path::new(crate::MANUAL).join(folder).join(format!("{name}.1.end"));
    match fs::read_to_string(written) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Ok(format!(".SH {heading}\n.BR tom (1),\n.BR tom\\-policy (5),\n.BR pam_tom (8)\n"))
        }
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::Arguments;
    use crate::german::GERMAN;
    use crate::translation::{built, translated};
    use clap::CommandFactory;

    fn each(command: &Command, seen: &mut dyn FnMut(&Command)) {
        seen(command);
        command.get_subcommands().for_each(|subcommand| each(subcommand, seen));
    }

    #[test]
    fn every_visible_flag_is_in_the_page_of_its_command() {
        let english = built(&Arguments::command());
        let german = translated(&Arguments::command(), GERMAN).expect("a whole table");
        for (command, language) in [(english, Language::English), (german, Language::German)] {
            let mut flags = 0;
            each(&command, &mut |command| {
                let name = command.get_display_name().unwrap_or("tom");
                let text = page(command, name, language, "2026-11-25").expect("a page");
                for long in command.get_arguments().filter_map(|argument| argument.get_long()) {
                    let escaped = format!("\\-\\-{}", long.replace('-', "\\-"));
                    assert!(text.contains(&escaped), "{name}: no --{long}:\n{text}");
                    flags += 1;
                }
            });
            assert!(flags > 50, "{flags}");
        }
    }

    #[test]
    fn german_pages_have_no_english_heading() {
        let command = translated(&Arguments::command(), GERMAN).expect("a whole table");
        each(&command, &mut |command| {
            let name = command.get_display_name().unwrap_or("tom");
            let text = page(command, name, Language::German, "2026-11-25").expect("a page");
            for english in WORDS.map(|(english, _)| english) {
                // Headings are whole lines: SYNOPSIS is no part of anything else.
                assert!(!text.lines().any(|line| line == english), "{name}: {english}");
            }
        });
    }
}
