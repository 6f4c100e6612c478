//! `Defaults` of sudoers that take something away from what tom is asked.

use super::super::facts::listed;
use super::super::finding::{Finding, Severity};
use crate::inspection::sudoers::{self, Member, Subject, SudoDefault};
use tom_host::accounts::Database;

/// A session that asked no token is one that tom refuses, but not everything opens a session.
const NO_TOKEN: &str = "tom is not asked for a token, so that its session phase refuses administrators; sudoedit and \
                        sudo -g get past it";
const TICKETS: &str = "with a ticket sudo asks no token; tom then refuses administrators until it has run out";

/// What is wrong with them.
pub(super) fn judge(defaults: &[SudoDefault], database: &Database) -> Vec<Finding> {
    let matters = |default: &&SudoDefault| !is_of_root_alone(&default.binding, database);
    defaults.iter().filter(matters).filter_map(finding).collect()
}

fn finding(default: &SudoDefault) -> Option<Finding> {
    let (name, value) = (default.name.as_str(), default.value.as_str());
    let (severity, id, what, why) = wrong(name, value)?;
    let whom = if default.binding.is_empty() { String::new() } else { format!(" for {}", in_words(&default.binding)) };
    let written = match value {
        "false" => format!("!{name}"),
        value => format!("{name}={value}"),
    };
    let what = format!("{what}{whom} ({written})");
    let finding = match severity {
        Severity::Critical => Finding::critical(id, what),
        Severity::Warning | Severity::Note => Finding::warning(id, what),
    };
    let fix = match id {
        "sudo-tickets" => "take it out of sudoers; timestamp_timeout=0 asks each time".to_owned(),
        _ => format!("take {written} out of sudoers"),
    };
    Some(finding.why(why).fix(fix).at(sudoers::SUDOERS))
}

fn wrong(name: &str, value: &str) -> Option<(Severity, &'static str, String, &'static str)> {
    use Severity::{Critical, Warning};
    Some(match (name, value) {
        ("pam_session", "false") => (
            Critical,
            "sudo-pam-session",
            "sudo opens no PAM session".to_owned(),
            "the session phase is where tom refuses root without a token: NOPASSWD and tickets are a way in then",
        ),
        ("pam_acct_mgmt", "false") => (
            Warning,
            "sudo-pam-account",
            "sudo does not ask PAM's account phase".to_owned(),
            "expired and locked accounts go on using sudo",
        ),
        ("pam_ruser", "false") => (
            Warning,
            "sudo-pam-ruser",
            "sudo does not tell PAM its caller".to_owned(),
            "tom does not know who calls, and refuses",
        ),
        ("pam_service" | "pam_login_service", service) if !matches!(service, "sudo" | "sudo-i") => (
            Critical,
            "sudo-pam-service",
            format!("sudo asks PAM as service '{service}'"),
            "tom does not take it for sudo: it asks nobody for a token, and the policy's grants do not count",
        ),
        ("authenticate", "false") => {
            (Warning, "sudo-not-authenticating", "sudo asks for no authentication".to_owned(), NO_TOKEN)
        }
        ("exempt_group", group) if !matches!(group, "false" | "") => {
            (Warning, "sudo-exempt-group", format!("the group {group} uses sudo without authentication"), NO_TOKEN)
        }
        ("timestamp_type", "global") => {
            (Warning, "sudo-tickets", "sudo's tickets count on every terminal".to_owned(), TICKETS)
        }
        ("timestamp_timeout", _) if value.parse().is_ok_and(|minutes: f64| !(0.0..=15.0).contains(&minutes)) => {
            let never = value.starts_with('-');
            let what = if never { "sudo's tickets never run out" } else { "sudo's tickets last long" };
            (Warning, "sudo-tickets", what.to_owned(), TICKETS)
        }
        _ => return None,
    })
}

/// What matters for root as the caller alone does not matter: it is root.
fn is_of_root_alone(binding: &[Member], database: &Database) -> bool {
    !binding.is_empty()
        && binding.iter().all(|member| match &member.subject {
            Subject::User(name) => database.accounts.iter().any(|account| account.name == *name && account.uid == 0),
            Subject::Uid(uid) => *uid == 0,
            Subject::All | Subject::Group(_) | Subject::Gid(_) | Subject::Other(..) => false,
        })
}

fn in_words(members: &[Member]) -> String {
    let words: Vec<String> = members
        .iter()
        .map(|member| match &member.subject {
            Subject::All => "everybody".to_owned(),
            Subject::User(name) => name.clone(),
            Subject::Uid(uid) => format!("uid {uid}"),
            Subject::Group(name) => format!("group {name}"),
            Subject::Gid(gid) => format!("gid {gid}"),
            Subject::Other(_, text) => text.clone(),
        })
        .collect();
    listed(&words)
}

#[cfg(test)]
mod tests {
    use super::judge;
    use crate::inspection::sudoers::{Member, Subject, SudoDefault};
    use tom_host::accounts::{Account, Database};

    fn default(name: &str, value: &str, whom: Option<&str>) -> SudoDefault {
        let member = |name: &str| Member { subject: Subject::User(name.to_owned()), negated: false };
        SudoDefault { binding: whom.map(member).into_iter().collect(), name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn each_default_that_matters_has_its_name() {
        let root = Account { name: "root".to_owned(), uid: 0, gid: 0 };
        let database = Database { accounts: vec![root], groups: Vec::new() };
        for (name, value, whom, expected) in [
            ("pam_session", "false", None, Some("sudo-pam-session")),
            ("pam_session", "true", None, None),
            ("pam_service", "other", None, Some("sudo-pam-service")),
            ("pam_login_service", "sudo-i", None, None),
            ("authenticate", "false", Some("anna"), Some("sudo-not-authenticating")),
            ("authenticate", "false", Some("root"), None),
            ("timestamp_timeout", "15", None, None),
            ("timestamp_timeout", "0", None, None),
            ("timestamp_timeout", "-1", None, Some("sudo-tickets")),
            ("timestamp_timeout", "60", None, Some("sudo-tickets")),
            ("timestamp_type", "global", None, Some("sudo-tickets")),
            ("exempt_group", "wheel", None, Some("sudo-exempt-group")),
            ("env_reset", "true", None, None),
        ] {
            let found = judge(&[default(name, value, whom)], &database);
            let found: Vec<&str> = found.iter().map(|finding| finding.id).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{name}={value}");
        }
    }
}
