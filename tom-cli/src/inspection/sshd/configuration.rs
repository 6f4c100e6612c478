//! sshd's configuration as it is written: its files in the order in which they are read, and the `Match` blocks.
//! What a setting is, sshd itself is asked (`sshd -T`); this says what there is to ask, and where a value stands.

use crate::inspection::InspectionError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where relative names of `Include` begin.
const SSH_DIRECTORY: &str = "/etc/ssh";
/// sshd's own bound (servconf.c).
const DEEPEST_INCLUDE: usize = 16;

/// One setting.
#[derive(Clone, Debug)]
pub(crate) struct Setting {
    /// The keyword, in lower case.
    pub(crate) keyword: String,
    pub(crate) arguments: Vec<String>,
    pub(crate) file: PathBuf,
    /// From 1.
    pub(crate) line: usize,
    /// The conditions under which it counts, all of them: of its block, and of the blocks around the includes.
    pub(crate) conditions: Vec<Condition>,
}

impl Setting {
    /// `file:line`
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.file.display(), self.line)
    }
}

/// One criterion of a `Match` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condition {
    /// In lower case: user, group, host, address, localaddress, localport, rdomain, all, …
    pub(crate) criterion: String,
    /// Its pattern list.
    pub(crate) patterns: Vec<String>,
}

/// All settings in the order in which sshd meets them; the first that applies wins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    pub(crate) settings: Vec<Setting>,
    /// The files, in that order.
    pub(crate) files: Vec<PathBuf>,
}

impl Configuration {
    /// Reads a configuration and what it includes.
    pub(crate) fn read(path: &Path) -> Result<Self, InspectionError> {
        let mut configuration = Self::default();
        configuration.add_file(path, &[], 0)?;
        Ok(configuration)
    }

    /// Every condition of a criterion, in any block.
    pub(crate) fn patterns_of<'c>(&'c self, criterion: &'c str) -> impl Iterator<Item = &'c str> {
        self.settings
            .iter()
            .flat_map(|setting| &setting.conditions)
            .filter(move |condition| condition.criterion == criterion)
            .flat_map(|condition| condition.patterns.iter().map(String::as_str))
    }

    fn add_file(&mut self, path: &Path, around: &[Condition], depth: usize) -> Result<(), InspectionError> {
        if depth > DEEPEST_INCLUDE {
            let message = format!("{}: more files include each other than sshd reads", path.display());
            return Err(InspectionError::NotAsked(message));
        }
        let bytes = fs::read(path).map_err(|source| InspectionError::File { path: path.into(), source })?;
        self.files.push(path.into());
        let mut conditions = around.to_vec();
        for (number, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            let Some((keyword, arguments)) = words(line) else { continue };
            match keyword.as_str() {
                "match" => {
                    // A block inside an included file counts within the block that includes it.
                    conditions = around.to_vec();
                    conditions.extend(criteria(&arguments));
                }
                "include" => {
                    for pattern in &arguments {
                        for file in matching_files(pattern)? {
                            self.add_file(&file, &conditions, depth.saturating_add(1))?;
                        }
                    }
                }
                _ => self.settings.push(Setting {
                    keyword,
                    arguments,
                    file: path.into(),
                    line: number.saturating_add(1),
                    conditions: conditions.clone(),
                }),
            }
        }
        Ok(())
    }
}

/// Keyword and arguments of a line; nothing for an empty one or a comment.
fn words(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find(|c: char| c.is_whitespace() || c == '=' || c == '"').unwrap_or(line.len());
    let (keyword, rest) = line.split_at_checked(end)?;
    let rest = rest.trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Some((keyword.to_ascii_lowercase(), split_quoted(rest)))
}

/// Words, with quotation marks, as sshd splits them; a comment ends them.
fn split_quoted(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) if characters.peek().is_some_and(|next| matches!(next, '"' | '\'' | '\\')) => {
                word.get_or_insert_default().extend(characters.next());
            }
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (_, Some(open)) if c == open => quote = None,
            (_, None) if c.is_whitespace() => words.extend(word.take()),
            ('#', None) if word.is_none() => break,
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// The criteria of a `Match` line: pairs, and words that stand alone.
fn criteria(arguments: &[String]) -> Vec<Condition> {
    let mut conditions = Vec::new();
    let mut rest = arguments.iter();
    while let Some(word) = rest.next() {
        let (criterion, patterns) = match word.split_once('=') {
            Some((criterion, patterns)) => (criterion, Some(patterns.to_owned())),
            None => (word.as_str(), None),
        };
        let criterion = criterion.to_ascii_lowercase();
        let patterns = match (patterns, criterion.as_str()) {
            (None, "all" | "invalid-user") => String::new(),
            (Some(patterns), _) => patterns,
            (None, _) => rest.next().cloned().unwrap_or_default(),
        };
        let patterns = patterns.split(',').filter(|pattern| !pattern.is_empty()).map(str::to_owned).collect();
        conditions.push(Condition { criterion, patterns });
    }
    conditions
}

/// The files that a pattern of `Include` names, in the order of their names. As for sshd, a pattern that names none is
/// no error.
fn matching_files(pattern: &str) -> Result<Vec<PathBuf>, InspectionError> {
    let pattern = Path::new(SSH_DIRECTORY).join(pattern);
    let mut found = vec![PathBuf::from("/")];
    for component in pattern.components().skip(1) {
        let name = component.as_os_str().to_string_lossy();
        let mut next = Vec::new();
        for directory in found {
            if !name.contains(['*', '?', '[']) {
                let path = directory.join(&*name);
                if path.symlink_metadata().is_ok() {
                    next.push(path);
                }
                continue;
            }
            let entries = match fs::read_dir(&directory) {
                Ok(entries) => entries,
                Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                    continue;
                }
                Err(source) => return Err(InspectionError::File { path: directory, source }),
            };
            for entry in entries {
                let entry = entry.map_err(|source| InspectionError::File { path: directory.clone(), source })?;
                let candidate = entry.file_name();
                let candidate = candidate.to_string_lossy();
                let hidden = candidate.starts_with('.') && !name.starts_with('.');
                if !hidden && super::pattern::glob(&name, &candidate) {
                    next.push(entry.path());
                }
            }
        }
        next.sort();
        found = next;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{Condition, criteria, words};

    #[test]
    fn splits_lines_as_sshd_does() {
        for (line, expected) in [
            ("UsePAM yes", Some(("usepam", vec!["yes"]))),
            ("\tusePAM=no", Some(("usepam", vec!["no"]))),
            ("AllowUsers = a  b # c", Some(("allowusers", vec!["a", "b"]))),
            ("Banner \"/etc/a b\"", Some(("banner", vec!["/etc/a b"]))),
            ("# UsePAM no", None),
            ("   ", None),
        ] {
            let found = words(line);
            let found = found.as_ref().map(|(keyword, arguments)| {
                (keyword.as_str(), arguments.iter().map(String::as_str).collect::<Vec<_>>())
            });
            assert_eq!(found, expected, "{line}");
        }
    }

    #[test]
    fn takes_criteria_apart() {
        let arguments = ["User", "a,b", "all", "address=10.0.0.0/8"].map(str::to_owned);
        let condition = |criterion: &str, patterns: &[&str]| Condition {
            criterion: criterion.to_owned(),
            patterns: patterns.iter().map(|pattern| (*pattern).to_owned()).collect(),
        };
        assert_eq!(
            criteria(&arguments),
            [condition("user", &["a", "b"]), condition("all", &[]), condition("address", &["10.0.0.0/8"])]
        );
    }
}
