//! sudoers read by ourselves, for hosts without `cvtsudoers` (sudo-rs brings none). What is not understood is an error,
//! never an empty list.

use super::aliases::Aliases;
use super::cursor::Cursor;
use super::{Member, SudoCommand, SudoDefault, SudoRule, Sudoers};
use crate::inspection::InspectionError;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// sudo's own bound.
const DEEPEST_INCLUDE: usize = 128;

/// Names, each with whether it is taken out again.
type Names = Vec<(String, bool)>;

/// A rule before its aliases are known: they may be defined behind it.
struct Draft {
    users: Names,
    run_as_users: Names,
    run_as_groups: Names,
    commands: Names,
    authenticate: Option<bool>,
}

struct Reader<'h> {
    host: &'h str,
    aliases: Aliases,
    drafts: Vec<Draft>,
    /// Binding, name, value.
    defaults: Vec<(Names, String, String)>,
}

/// Reads a file and what it includes.
pub(super) fn read(path: &Path, host: &str) -> Result<Sudoers, InspectionError> {
    let mut reader = Reader { host, aliases: Aliases::default(), drafts: Vec::new(), defaults: Vec::new() };
    reader.file(path, 0)?;
    reader.finish()
}

impl Reader<'_> {
    fn file(&mut self, path: &Path, depth: usize) -> Result<(), InspectionError> {
        let not_asked = |message: String| Err(InspectionError::NotAsked(message));
        if depth > DEEPEST_INCLUDE {
            return not_asked(format!("{}: files include each other without end", path.display()));
        }
        let bytes = fs::read(path).map_err(|source| InspectionError::File { path: path.into(), source })?;
        for (number, line) in lines(&String::from_utf8_lossy(&bytes)) {
            if let Some((word, name)) = included(&line) {
                for file in self.files(&name, word == "includedir", path)? {
                    self.file(&file, depth.saturating_add(1))?;
                }
            } else if self.line(&line).is_none() {
                return not_asked(format!("{}:{number}: this line was not understood", path.display()));
            }
        }
        Ok(())
    }

    fn files(&self, name: &str, is_directory: bool, from: &Path) -> Result<Vec<PathBuf>, InspectionError> {
        let short = self.host.split('.').next().unwrap_or_default();
        let path = from.parent().unwrap_or(Path::new("/etc")).join(name.replace("%h", short));
        if !is_directory {
            return Ok(vec![path]);
        }
        let failed = |source| InspectionError::File { path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        let mut files = Vec::new();
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if !name.contains('.') && !name.ends_with('~') {
                files.push(entry.path());
            }
        }
        files.sort();
        Ok(files)
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let mut cursor = Cursor::new(line);
        for kind in Aliases::KINDS {
            if cursor.keyword(kind) {
                return self.aliases.define(kind, &mut cursor);
            }
        }
        if let Some(rest) = line.strip_prefix("Defaults") {
            return self.default(rest);
        }
        let users = cursor.list(&['='])?;
        loop {
            let _hosts = cursor.list(&['='])?;
            cursor.expect('=')?;
            self.commands(&users, &mut cursor)?;
            if !cursor.eat(':') {
                return cursor.is_at_end().then_some(());
            }
        }
    }

    fn commands(&mut self, users: &[(String, bool)], cursor: &mut Cursor) -> Option<()> {
        let (mut run_as_users, mut run_as_groups, mut authenticate) = (Vec::new(), Vec::new(), None);
        loop {
            if cursor.eat('(') {
                (run_as_users, run_as_groups) = (Vec::new(), Vec::new());
                if !cursor.sees(':') && !cursor.sees(')') {
                    run_as_users = cursor.list(&[')', ':'])?;
                }
                if cursor.eat(':') && !cursor.sees(')') {
                    run_as_groups =
                        cursor.list(&[')'])?.into_iter().map(|(name, negated)| (as_group(name), negated)).collect();
                }
                cursor.expect(')')?;
            }
            while let Some(tag) = cursor.tag() {
                match tag.as_str() {
                    "NOPASSWD" => authenticate = Some(false),
                    "PASSWD" => authenticate = Some(true),
                    _ => {}
                }
            }
            let command = cursor.command()?;
            self.drafts.push(Draft {
                users: users.to_vec(),
                run_as_users: run_as_users.clone(),
                run_as_groups: run_as_groups.clone(),
                commands: vec![command],
                authenticate,
            });
            if !cursor.eat(',') {
                return Some(());
            }
        }
    }

    /// `Defaults:anna !authenticate, timestamp_timeout = 5`
    fn default(&mut self, rest: &str) -> Option<()> {
        let mut cursor = Cursor::new(rest);
        let binding = if rest.starts_with(['@', ':', '>', '!']) {
            let of_commands = rest.starts_with('!');
            let of_hosts = rest.starts_with('@');
            cursor.skip();
            let list = cursor.list(&[])?;
            // Of a host or a command: that it is bound is enough to know.
            let text = |(name, negated): (String, bool)| {
                (if of_commands || of_hosts { format!("+{name}") } else { name }, negated)
            };
            list.into_iter().map(text).collect()
        } else {
            Vec::new()
        };
        loop {
            let is_off = cursor.eat('!');
            let name = cursor.word(&['=', ',', '+', '-'])?;
            let _ = cursor.eat('+') || cursor.eat('-');
            let value = match (cursor.eat('='), is_off) {
                (true, _) => cursor.value()?,
                (false, true) => "false".to_owned(),
                (false, false) => "true".to_owned(),
            };
            self.defaults.push((binding.clone(), name, value));
            if !cursor.eat(',') {
                return cursor.is_at_end().then_some(());
            }
        }
    }

    fn finish(self) -> Result<Sudoers, InspectionError> {
        let members = |kind: &str, list: &[(String, bool)]| -> Result<Vec<Member>, InspectionError> {
            let loops = || InspectionError::NotAsked("aliases of sudoers mean each other without end".to_owned());
            self.aliases.expand(kind, list).map(|list| list.into_iter().map(Member::parse).collect()).ok_or_else(loops)
        };
        let mut sudoers = Sudoers::default();
        for draft in &self.drafts {
            let commands = self.aliases.expand("Cmnd_Alias", &draft.commands).unwrap_or_default();
            sudoers.rules.push(SudoRule {
                users: members("User_Alias", &draft.users)?,
                run_as_users: members("Runas_Alias", &draft.run_as_users)?,
                run_as_groups: members("Runas_Alias", &draft.run_as_groups)?,
                commands: commands.into_iter().map(|(text, negated)| SudoCommand { text, negated }).collect(),
                authenticate: draft.authenticate,
            });
        }
        for (binding, name, value) in &self.defaults {
            let binding = members("User_Alias", binding)?;
            sudoers.defaults.push(SudoDefault { binding, name: name.clone(), value: value.clone() });
        }
        Ok(sudoers)
    }
}

/// A name among the run-as groups is a group's.
fn as_group(name: String) -> String {
    if name == "ALL" || name.starts_with(['%', '#']) { name.replacen('#', "%#", 1) } else { format!("%{name}") }
}

/// `@include FILE`, `#includedir DIRECTORY` and so on.
fn included(line: &str) -> Option<(&str, String)> {
    let rest = line.strip_prefix(['@', '#'])?;
    let (word, name) = rest.split_once(char::is_whitespace)?;
    matches!(word, "include" | "includedir").then(|| (word, name.trim().trim_matches('"').to_owned()))
}

/// Lines without comments, with those joined that end in `\`; the number is of the first.
fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut open: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        let (number, mut joined) = open.take().unwrap_or((index.saturating_add(1), String::new()));
        match line.strip_suffix('\\') {
            Some(line) => {
                joined.push_str(line);
                open = Some((number, joined));
            }
            None => {
                joined.push_str(line);
                lines.push((number, joined));
            }
        }
    }
    lines.extend(open);
    let without_comment = |(number, line): (usize, String)| {
        let kept = if included(line.trim()).is_some() { line } else { uncommented(&line) };
        (number, kept.trim().to_owned())
    };
    lines.into_iter().map(without_comment).filter(|(_, line)| !line.is_empty()).collect()
}

/// `#` begins a comment, but for a number (`#1000`, `%#27`), in quotation marks, and behind `\`.
fn uncommented(line: &str) -> String {
    let mut kept = String::new();
    let mut quoted = false;
    let mut escaped = false;
    let mut characters = line.chars().peekable();
    while let Some(c) = characters.next() {
        let is_number = characters.peek().is_some_and(char::is_ascii_digit)
            && kept
                .chars()
                .next_back()
                .is_none_or(|last| last.is_whitespace() || matches!(last, ',' | '%' | '!' | '(' | ':' | '>' | '='));
        if c == '#' && !quoted && !escaped && !is_number {
            break;
        }
        quoted ^= c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        kept.push(c);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::read;
    use std::fs;

    fn parsed(text: &str) -> Result<super::Sudoers, String> {
        let directory =
            std::env::temp_dir().join(format!("tom-sudoers-{}-{:?}", std::process::id(), std::thread::current().id()));
        fs::create_dir_all(directory.join("d")).unwrap();
        fs::write(directory.join("d/more"), "more ALL = /bin/more\n").unwrap();
        fs::write(directory.join("d/not.read"), "nonsense (\n").unwrap();
        fs::write(directory.join("sudoers"), text).unwrap();
        let found = read(&directory.join("sudoers"), "web1.example.net").map_err(|error| error.to_string());
        fs::remove_dir_all(directory).unwrap();
        found
    }

    #[test]
    fn rules_and_aliases() {
        let sudoers = parsed(
            "User_Alias OPS = anna, %adm : DEV = #1005, !cora\nCmnd_Alias CHECKS = /usr/bin/apt-get update, \\\n  !/usr/bin/passwd root\n\
             Runas_Alias R = www-data, root\n# a comment\nOPS, DEV web1 = (R:adm) NOPASSWD: CHECKS, PASSWD: SETENV: /bin/ls -l\\, x : ALL = ALL\n\
             bert ALL = (:disk) sudoedit /etc/motd # comment\n@includedir d\n%#27 ALL=(ALL:ALL) ALL\n",
        )
        .unwrap();
        let [checks, ls, everything, edit, more, gid] = &sudoers.rules[..] else { panic!("{:#?}", sudoers.rules) };
        assert_eq!((checks.users.len(), checks.users[3].negated, checks.authenticate), (4, true, Some(false)));
        assert_eq!((checks.commands[0].text.as_str(), checks.commands[1].negated), ("/usr/bin/apt-get update", true));
        assert_eq!((checks.run_as_users.len(), checks.run_as_groups.len()), (2, 1));
        assert_eq!((ls.commands[0].text.as_str(), ls.authenticate), ("/bin/ls -l, x", Some(true)));
        assert_eq!((everything.commands[0].text.as_str(), everything.authenticate), ("ALL", None));
        assert_eq!((edit.commands[0].text.as_str(), edit.run_as_users.len()), ("sudoedit /etc/motd", 0));
        assert_eq!(more.commands[0].text, "/bin/more");
        assert_eq!(gid.users[0].subject, super::super::Subject::Gid(27));
    }

    #[test]
    fn defaults() {
        let sudoers = parsed("Defaults env_reset, !pam_session\nDefaults:anna !authenticate, timestamp_timeout=60\nDefaults env_keep += \"A B\"\nDefaults!/bin/ls noexec\n").unwrap();
        let found: Vec<(&str, &str, usize)> = sudoers
            .defaults
            .iter()
            .map(|default| (default.name.as_str(), default.value.as_str(), default.binding.len()))
            .collect();
        assert_eq!(
            found,
            [
                ("env_reset", "true", 0),
                ("pam_session", "false", 0),
                ("authenticate", "false", 1),
                ("timestamp_timeout", "60", 1),
                ("env_keep", "A B", 0),
                ("noexec", "true", 1)
            ]
        );
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for text in [
            "nonsense (\n",
            "anna ALL\n",
            "anna ALL = \n",
            "= ALL\n",
            "Defaults\n",
            "anna ALL = (root ALL\n",
            "User_Alias A = B\nUser_Alias B = A\nA ALL = ALL\n",
            "@include missing\n",
        ] {
            assert!(parsed(text).is_err(), "{text}: {:?}", parsed(text));
        }
    }
}
