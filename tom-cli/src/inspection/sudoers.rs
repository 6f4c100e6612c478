//! Who may become whom by sudo.
//!
//! What: the rules and defaults of sudoers, aliases resolved, as sudo's own `cvtsudoers` reads them, where it is there.
//! Why: sudo asks PAM late and not for everything, so what sudoers says decides whether tom is asked at all. What must
//! never happen: that a rule which cannot be read counts as none.

mod aliases;
mod cursor;
mod document;
mod text;

use super::{InspectionError, command};
use std::fs;
use std::path::Path;
use std::time::Duration;
use tom_host::accounts::{Account, Database};
use tom_host::host_identity;

/// The file that sudo begins with.
pub(crate) const SUDOERS: &str = "/etc/sudoers";
/// sudo itself.
pub(crate) const SUDO: &str = "/usr/bin/sudo";
/// What sudo-rs begins with, where it is there.
const SUDOERS_RS: &str = "/etc/sudoers-rs";
const CVTSUDOERS: &str = "/usr/bin/cvtsudoers";
const LIMIT: Duration = Duration::from_secs(20);

/// Whom a rule or a default is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    All,
    User(String),
    Uid(u32),
    Group(String),
    Gid(u32),
    /// A netgroup, a group of a plugin, a host, a command: by its kind, and as it is written.
    Other(String, String),
}

/// A member of a list, which may be taken out of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) subject: Subject,
    pub(crate) negated: bool,
}

impl Member {
    /// As it is written in sudoers, and whether it is taken out.
    fn parse((name, negated): (String, bool)) -> Self {
        let number = |text: &str| text.parse::<u32>().ok();
        let other = |kind: &str| Subject::Other(kind.to_owned(), name.clone());
        let subject = if name == "ALL" {
            Subject::All
        } else if let Some(gid) = name.strip_prefix("%#") {
            number(gid).map_or_else(|| other("group"), Subject::Gid)
        } else if let Some(group) = name.strip_prefix('%').filter(|group| !group.starts_with(':')) {
            Subject::Group(group.to_owned())
        } else if let Some(uid) = name.strip_prefix('#') {
            number(uid).map_or_else(|| other("user"), Subject::Uid)
        } else if let Some(elsewhere) = name.strip_prefix(['+', '%']) {
            Subject::Other("netgroup".to_owned(), elsewhere.to_owned())
        } else {
            Subject::User(name.clone())
        };
        Self { subject, negated }
    }
}

/// A command of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SudoCommand {
    /// With its arguments; `ALL`; `sudoedit FILE`.
    pub(crate) text: String,
    pub(crate) negated: bool,
}

/// One rule: these users may run these commands as those.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SudoRule {
    pub(crate) users: Vec<Member>,
    /// As whom; with neither these nor groups it is root.
    pub(crate) run_as_users: Vec<Member>,
    /// With which group (`sudo -g`); without users that is the caller with another group.
    pub(crate) run_as_groups: Vec<Member>,
    pub(crate) commands: Vec<SudoCommand>,
    /// `PASSWD:` or `NOPASSWD:`; nothing where neither is written.
    pub(crate) authenticate: Option<bool>,
}

/// One setting of a `Defaults` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SudoDefault {
    /// For whom, where, for what; empty: always.
    pub(crate) binding: Vec<Member>,
    pub(crate) name: String,
    /// `true`, `false`, or as it is written; words of a list with a space between.
    pub(crate) value: String,
}

/// All of sudoers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sudoers {
    pub(crate) rules: Vec<SudoRule>,
    pub(crate) defaults: Vec<SudoDefault>,
}

/// Reads sudoers; nothing where there is no sudo.
pub(crate) fn read() -> Result<Sudoers, InspectionError> {
    if !Path::new(SUDO).exists() && !Path::new("/usr/bin/sudo-rs").exists() {
        return Ok(Sudoers::default());
    }
    if !Path::new(SUDOERS).exists() && !Path::new(SUDOERS_RS).exists() {
        return Ok(Sudoers::default());
    }
    if let Some(other) = other_source(&fs::read_to_string("/etc/nsswitch.conf").unwrap_or_default()) {
        let message =
            format!("sudo also asks {other:?} (the line sudoers of /etc/nsswitch.conf), which is not read here");
        return Err(InspectionError::NotAsked(message));
    }
    match command::stdout_of(CVTSUDOERS, &["-e", "-f", "json", SUDOERS], LIMIT) {
        // Where a rule has CWD= or CHROOT=, 1.9.13 writes what is no JSON.
        Ok(json) => document::parse(&json).map_or_else(read_ourselves, Ok),
        Err(error) if error.is_missing() => read_ourselves(),
        Err(error) => Err(error),
    }
}

/// sudo-rs brings no cvtsudoers, and has a file of its own if it is there.
fn read_ourselves() -> Result<Sudoers, InspectionError> {
    let own = Path::new(SUDOERS_RS);
    let is_rs = own.exists() && !Path::new(CVTSUDOERS).exists();
    let host = host_identity::read().map(|identity| identity.id).unwrap_or_default();
    text::read(if is_rs { own } else { Path::new(SUDOERS) }, &host)
}

/// The rules alone.
#[allow(dead_code, reason = "tom enable asks this")]
pub(crate) fn sudoers_users() -> Result<Vec<SudoRule>, InspectionError> {
    read().map(|sudoers| sudoers.rules)
}

/// A source of rules beside the files.
fn other_source(nsswitch: &str) -> Option<String> {
    let lines = nsswitch.lines().map(|line| line.split('#').next().unwrap_or_default());
    let sources = lines.filter_map(|line| line.trim().strip_prefix("sudoers:")).next_back()?;
    sources.split_whitespace().find(|source| *source != "files" && !source.starts_with('[')).map(str::to_owned)
}

impl SudoRule {
    /// Whether the rule is for this account. What cannot be known (a netgroup) counts as yes.
    pub(crate) fn is_for(&self, account: &Account, database: &Database) -> bool {
        names(&self.users, account, database)
    }

    /// Whether it lets somebody become an account of uid 0.
    pub(crate) fn enters_root(&self, database: &Database) -> bool {
        if self.run_as_users.is_empty() && self.run_as_groups.is_empty() {
            return true;
        }
        let roots = database.accounts.iter().filter(|account| account.uid == 0);
        roots.into_iter().any(|root| names(&self.run_as_users, root, database))
    }

    /// Whether it lets somebody become this account.
    pub(crate) fn enters(&self, account: &Account, database: &Database) -> bool {
        (account.uid == 0 && self.run_as_users.is_empty() && self.run_as_groups.is_empty())
            || names(&self.run_as_users, account, database)
    }

    /// Whether it leaves some command.
    pub(crate) fn allows_something(&self) -> bool {
        self.commands.iter().any(|command| !command.negated)
    }
}

/// As sudo reads a list: the last member that fits decides.
fn names(list: &[Member], account: &Account, database: &Database) -> bool {
    let last = list.iter().rev().find(|member| fits(&member.subject, account, database));
    last.is_some_and(|member| !member.negated)
}

fn fits(subject: &Subject, account: &Account, database: &Database) -> bool {
    match subject {
        Subject::All | Subject::Other(..) => true,
        Subject::User(name) => *name == account.name,
        Subject::Uid(uid) => *uid == account.uid,
        Subject::Group(name) => database.members_of(&[name]).contains(&account.name.as_str()),
        Subject::Gid(gid) => {
            let groups = database.groups.iter().filter(|group| group.gid == *gid);
            let named: Vec<&str> = groups.map(|group| group.name.as_str()).collect();
            account.gid == *gid || database.members_of(&named).contains(&account.name.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{document, other_source};
    use tom_host::accounts::{Account, Database, Group};

    const JSON: &str = r#"{
        "Defaults": [
            { "Options": [ { "pam_session": false } ] },
            { "Binding": [ { "username": "anna" } ], "Options": [ { "authenticate": false }, { "timestamp_timeout": "60" } ] },
            { "Options": [ { "operation": "list_add", "env_keep": [ "A", "B" ] } ] }
        ],
        "User_Specs": [
            { "User_List": [ { "usergroup": "sudo" }, { "username": "bert", "negated": true } ],
              "Host_List": [ { "hostname": "ALL" } ],
              "Cmnd_Specs": [ { "runasusers": [ { "username": "ALL" } ], "Options": [ { "authenticate": false } ],
                                "Commands": [ { "command": "ALL" }, { "command": "/bin/sh", "negated": true } ] },
                              { "runasgroups": [ { "usergroup": "disk" } ], "Commands": [ { "command": "sudoedit /etc/motd" } ] } ] }
        ] }"#;

    #[test]
    fn reads_what_cvtsudoers_says() {
        let sudoers = document::parse(JSON).unwrap();
        let default = |name: &str| sudoers.defaults.iter().find(|default| default.name == name).unwrap();
        assert_eq!(default("pam_session").value, "false");
        assert_eq!((default("timestamp_timeout").value.as_str(), default("authenticate").binding.len()), ("60", 1));
        assert_eq!(default("env_keep").value, "A B");
        let account = |name: &str, uid| Account { name: name.to_owned(), uid, gid: uid };
        let group = |name: &str, members: &[&str]| Group {
            name: name.to_owned(),
            gid: 27,
            members: members.iter().map(|member| (*member).to_owned()).collect(),
        };
        let database = Database {
            accounts: vec![account("root", 0), account("anna", 1), account("bert", 2)],
            groups: vec![group("sudo", &["anna", "bert"])],
        };
        let [first, second] = &sudoers.rules[..] else { panic!("{sudoers:?}") };
        assert!(first.is_for(&database.accounts[1], &database));
        assert!(!first.is_for(&database.accounts[2], &database), "taken out again");
        assert!(first.enters_root(&database) && first.authenticate == Some(false) && first.commands[1].negated);
        assert!(!second.enters_root(&database), "the caller with another group");
        assert_eq!(second.authenticate, None);
    }

    #[test]
    fn what_is_not_understood_is_no_empty_list() {
        for json in ["", "{}x", "[]", r#"{"User_Specs": 7}"#, r#"{"User_Specs": [{"User_List": [7]}]}"#] {
            assert!(document::parse(json).is_none(), "{json}");
        }
        assert!(document::parse("{}").is_some());
    }

    #[test]
    fn other_sources() {
        assert_eq!(other_source("sudoers: files\n"), None);
        assert_eq!(other_source("sudoers:  files sss # x\n").as_deref(), Some("sss"));
        assert_eq!(other_source("passwd: files\n"), None);
    }
}
