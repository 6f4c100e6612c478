//! The pages that people wrote, packaging/man: NAME.SECTION become pages; NAME.SECTION.end is the end of a page that
//! is made from the command line.

use std::fs;
use std::io;
use std::path::Path;

/// Copies the pages of one language to `man5` and `man8` below `to`.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let section = path.extension().and_then(|text| text.to_str()).unwrap_or_default();
        if let ("5" | "8", Some(name)) = (section, path.file_name()) {
            let directory = to.join(format!("man{section}"));
            fs::create_dir_all(&directory)?;
            fs::copy(&path, directory.join(name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::arguments::Arguments;
    use clap::{Command, CommandFactory};
    use std::collections::BTreeSet;

    /// Every `--flag` of the command line, hidden ones too.
    fn flags(command: &Command, found: &mut BTreeSet<String>) {
        found
            .extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(|long| format!("--{long}")));
        command.get_subcommands().for_each(|subcommand| flags(subcommand, found));
    }

    fn pages(language: &str) -> Vec<(String, String)> {
        let directory = std::path::Path::new(crate::MANUAL).join(language);
        let files = std::fs::read_dir(directory).expect("the pages").map(|entry| entry.expect("an entry").path());
        let read = |path: std::path::PathBuf| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(&path).expect("text"))
        };
        files.map(read).collect()
    }

    /// The flags and commands of `tom` that a page names, unescaped.
    fn named(page: &str) -> BTreeSet<String> {
        let text = page.replace("\\-", "-");
        let word = |start: &str| start.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>();
        let flags = text.match_indices("--").map(|(at, _)| word(&text[at..])).filter(|flag| flag.len() > 2);
        flags.map(|flag| flag.trim_end_matches('-').to_owned()).collect()
    }

    #[test]
    fn they_name_no_flag_that_tom_does_not_have() {
        let mut known = BTreeSet::from(["--help".to_owned(), "--version".to_owned()]);
        flags(&Arguments::command(), &mut known);
        // Of pam-auth-update, which pam_tom(8) speaks of.
        known.extend(["--enable", "--package"].map(str::to_owned));
        for language in ["en", "de"] {
            let pages = pages(language);
            assert!(pages.len() >= 4, "{language}: {} pages", pages.len());
            for (name, text) in pages {
                let unknown: Vec<String> = named(&text).difference(&known).cloned().collect();
                assert!(unknown.is_empty(), "{language}/{name}: {unknown:?}");
            }
        }
    }

    #[test]
    fn both_languages_have_the_same_pages_and_sections() {
        let names = |language| pages(language).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
        assert_eq!(names("en"), names("de"));
        let sections = |language, page: &str| {
            let text = pages(language).into_iter().find(|(name, _)| name == page).expect("the page").1;
            text.lines().filter(|line| [".SH ", ".SS ", ".TP"].iter().any(|request| line.starts_with(request))).count()
        };
        for page in names("en") {
            assert_eq!(sections("en", &page), sections("de", &page), "sections and entries of {page}");
        }
    }

    #[test]
    fn the_example_is_a_sound_policy() {
        for language in ["en", "de"] {
            let page = pages(language).into_iter().find(|(name, _)| name == "tom-policy.5").expect("the page").1;
            let example =
                page.split("\n.nf\n").nth(1).and_then(|rest| rest.split("\n.fi\n").next()).expect("an example");
            let parsed = libtom::policy::parse(&example.replace("\\-", "-"));
            assert!(parsed.is_ok(), "{language}: {parsed:?}");
        }
    }
}
