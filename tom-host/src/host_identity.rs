//! Which host this is, and what its console may do when the policy is unusable.
//!
//! What: /etc/tom/host.toml, else the kernel's host name. Why: grants name hosts; the same policy
//! lies on all of them. What must never happen: that a file which is there but can't be used reads
//! as "no file" (then a host could get another's grants, or lose its console rule), or that a name
//! from a network service counts.

use std::fmt;
use std::ops::Range;
use std::path::Path;

use thiserror::Error;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::event::escape;
use crate::trusted_file::{self, TrustError};

/// Where the file is.
pub const PATH: &str = "/etc/tom/host.toml";
/// A few lines.
const LIMIT: u64 = 64 * 1024;
/// The longest host name.
const LONGEST_ID: usize = 253;
/// The longest part of one between dots.
const LONGEST_LABEL: usize = 63;

pub use libtom::host_policy::ConsoleRule;

/// Which host this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostIdentity {
    /// The name that globs in grants are compared with.
    pub id: String,
    /// What its console may do.
    pub console: ConsoleRule,
}

/// A place in the file, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what to write instead.
    pub what: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

/// Why the host's identity is not known.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file is there and can't be trusted or read.
    #[error("{0}")]
    File(#[source] TrustError),
    /// The file is no text.
    #[error("{PATH} is not UTF-8")]
    NotText,
    /// All mistakes in the file.
    #[error("{PATH}: {}", list(.0))]
    Mistakes(Vec<Mistake>),
    /// There is no id in the file, and the kernel's host name can't be one.
    #[error("the kernel's host name \"{}\" is no host name; write id = \"…\" into {PATH}", escape(.0))]
    KernelName(String),
}

fn list(mistakes: &[Mistake]) -> String {
    let texts: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    texts.join("; ")
}

/// Reads the host's identity.
///
/// # Errors
/// The file is there but can't be trusted, read or understood, or no name is known.
pub fn read() -> Result<HostIdentity, IdentityError> {
    let (id, console) = match trusted_file::read(Path::new(PATH), LIMIT) {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| IdentityError::NotText)?;
            parse(&text).map_err(IdentityError::Mistakes)?
        }
        Err(error) if error.is_not_found() => (None, ConsoleRule::default()),
        Err(error) => return Err(IdentityError::File(error)),
    };
    let id = match id {
        Some(id) => id,
        None => kernel_name()?,
    };
    Ok(HostIdentity { id, console })
}

fn kernel_name() -> Result<String, IdentityError> {
    let system = rustix::system::uname();
    let name = system.nodename().to_string_lossy();
    if is_host_name(&name) { Ok(name.into_owned()) } else { Err(IdentityError::KernelName(name.into_owned())) }
}

/// Letters, digits and hyphens in parts between dots, none of them empty.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=LONGEST_LABEL).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= LONGEST_ID && name.split('.').all(label)
}

/// The id, if there is one, and the console rule that the text of the file gives.
///
/// # Errors
/// All mistakes, in the order of the file.
pub fn parse(text: &str) -> Result<(Option<String>, ConsoleRule), Vec<Mistake>> {
    let mut reader = Reader { text, mistakes: Vec::new() };
    let (mut id, mut console) = (None, ConsoleRule::default());
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        reader.mistake(error.span().unwrap_or(0..0), error.message().to_owned());
    }
    for (key, value) in document.get_ref() {
        match key.get_ref().as_ref() {
            "id" => id = reader.id(value),
            "break-glass" => console = reader.break_glass(value),
            other => reader.unknown(key.span(), other, "id and [break-glass]"),
        }
    }
    if reader.mistakes.is_empty() {
        return Ok((id, console));
    }
    reader.mistakes.sort_by_key(|m| (m.line, m.column));
    Err(reader.mistakes)
}

/// The text and what was found wrong with it so far.
struct Reader<'a> {
    text: &'a str,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn id(&mut self, value: &Spanned<DeValue<'_>>) -> Option<String> {
        match value.get_ref().as_str() {
            Some(id) if is_host_name(id) => return Some(id.to_owned()),
            Some(id) => {
                let what = format!("\"{}\" is no host name: letters, digits, '-' and '.', at most 253", escape(id));
                self.mistake(value.span(), what);
            }
            None => self.mistake(value.span(), "id is a text: id = \"web1.example.net\"".to_owned()),
        }
        None
    }

    fn break_glass(&mut self, value: &Spanned<DeValue<'_>>) -> ConsoleRule {
        let mut console = ConsoleRule::default();
        let Some(table) = value.get_ref().as_table() else {
            let what = "break-glass is a table: write [break-glass] on a line of its own";
            self.mistake(value.span(), what.to_owned());
            return console;
        };
        for (key, value) in table {
            match key.get_ref().as_ref() {
                "console" => match value.get_ref().as_str() {
                    Some("token") => console = ConsoleRule::Token,
                    Some("password") => console = ConsoleRule::Password,
                    _ => {
                        let what = "console is \"token\" or \"password\"";
                        self.mistake(value.span(), what.to_owned());
                    }
                },
                other => self.unknown(key.span(), other, "console"),
            }
        }
        console
    }

    fn unknown(&mut self, span: Range<usize>, key: &str, known: &str) {
        let key = escape(key);
        self.mistake(span, format!("unknown key \"{key}\"; known here: {known}"));
    }

    fn mistake(&mut self, span: Range<usize>, what: String) {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.split('\n').count();
        let tail = before.rsplit('\n').next().unwrap_or_default();
        let column = tail.chars().count().saturating_add(1);
        self.mistakes.push(Mistake { line, column, what });
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;
    use crate::private_mounts::inside;

    fn mistakes(text: &str) -> Vec<String> {
        let mistakes = parse(text).unwrap_err();
        mistakes.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_may_be_in_the_file() {
        let id = || Some("web1.example.net".to_owned());
        for (text, expected) in [
            ("", (None, ConsoleRule::Token)),
            ("# nothing\n", (None, ConsoleRule::Token)),
            ("id = \"web1.example.net\"", (id(), ConsoleRule::Token)),
            ("[break-glass]\n", (None, ConsoleRule::Token)),
            ("[break-glass]\nconsole = \"token\"\n", (None, ConsoleRule::Token)),
            ("id = 'web1.example.net'\n[break-glass]\nconsole = \"password\"\n", (id(), ConsoleRule::Password)),
            ("break-glass.console = \"password\"", (None, ConsoleRule::Password)),
        ] {
            assert_eq!(parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn mistakes_have_their_places() {
        assert_eq!(
            mistakes("hots = 1\n[break-glass]\nconsole = \"Password\"\n  timeout = 3\n"),
            [
                "line 1, column 1: unknown key \"hots\"; known here: id and [break-glass]",
                "line 3, column 11: console is \"token\" or \"password\"",
                "line 4, column 3: unknown key \"timeout\"; known here: console",
            ]
        );
        assert_eq!(
            mistakes("break-glass = { \"ü\" = 1, console = 7 }"),
            [
                "line 1, column 17: unknown key \"ü\"; known here: console",
                "line 1, column 36: console is \"token\" or \"password\"",
            ],
            "columns are characters"
        );
        assert_eq!(mistakes("id = 7"), ["line 1, column 6: id is a text: id = \"web1.example.net\""]);
        assert_eq!(
            mistakes("break-glass = true"),
            ["line 1, column 15: break-glass is a table: write [break-glass] on a line of its own"]
        );
        assert_eq!(
            mistakes("id = \"a\\nb\""),
            ["line 1, column 6: \"a\\x0ab\" is no host name: letters, digits, '-' and '.', \
                 at most 253"]
        );
        for text in ["id = ", "id", "[break-glass", "id = \"a\"\nid = \"b\"", "\0"] {
            assert!(!mistakes(text).is_empty(), "{text:?}");
        }
        assert!(mistakes("id = \"a\"\nid = \"b\"")[0].starts_with("line 2, "));
    }

    #[test]
    fn host_names() {
        let longest = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(61)].join(".");
        for name in ["web1", "web1.example.net", "A-1", "7", &longest] {
            assert!(is_host_name(name), "{name}");
        }
        let longer = format!("{longest}e");
        let label = "a".repeat(64);
        for name in ["", ".", "a.", ".a", "a..b", "a b", "a_b", "ä", "a\n", "*", "-a", "a-", "(none)", &longer, &label]
        {
            assert!(!is_host_name(name), "{name}");
        }
    }

    #[test]
    fn the_file_counts_else_the_kernel() {
        let name = "host_identity::tests::the_file_counts_else_the_kernel";
        if !inside(name, "mount -t tmpfs -o mode=0755 tmpfs /mnt; mkdir -m 755 /mnt/tom; mount --bind /mnt /etc") {
            return;
        }
        let kernel = rustix::system::uname();
        let from_kernel =
            HostIdentity { id: kernel.nodename().to_str().unwrap().to_owned(), console: ConsoleRule::Token };
        assert_eq!(read().unwrap(), from_kernel);
        fs::write(PATH, "").unwrap();
        assert_eq!(read().unwrap(), from_kernel);
        fs::write(PATH, "id = \"web1\"\nbreak-glass.console = \"password\"\n").unwrap();
        let expected = HostIdentity { id: "web1".to_owned(), console: ConsoleRule::Password };
        assert_eq!(read().unwrap(), expected);
        // A file that can't be used is not a missing one.
        fs::set_permissions(PATH, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(read(), Err(IdentityError::File(_))));
        fs::remove_file(PATH).unwrap();
        symlink("/nowhere", PATH).unwrap();
        assert!(matches!(read(), Err(IdentityError::File(_))));
        fs::remove_file(PATH).unwrap();
        fs::write(PATH, b"id = \"\xff\"").unwrap();
        assert!(matches!(read(), Err(IdentityError::NotText)));
        fs::write(PATH, "id = \"*\"").unwrap();
        let error = read().unwrap_err().to_string();
        assert!(error.starts_with("/etc/tom/host.toml: line 1, column 6: "), "{error}");
    }
}
