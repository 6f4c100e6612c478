//! tom-authorized-keys, run as sshd runs it: does it really give a key?

use super::facts::Facts;
use super::finding::{Finding, Findings};
use super::policy;
use crate::inspection::command;
use libtom::host_policy::stored;
use libtom::public_key::encode_blob;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tom_host::active_policy::{self, RESOLVED};

/// What sshd runs.
pub(super) const HOOK: &str = "/usr/lib/tom/tom-authorized-keys";
/// As whom.
pub(super) const USER: &str = "_tom";
const SETPRIV: &str = "/usr/bin/setpriv";
/// sshd has no limit of its own but LoginGraceTime; a login is not to wait longer.
const LIMIT: Duration = Duration::from_secs(5);

/// Looks at the user, and runs the program as that user with a key of the policy.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    match fs::read_to_string("/etc/passwd") {
        Ok(passwd) => findings.add_all(user(&passwd, |home| Path::new(home).exists())),
        Err(error) => findings.not_known("tom-user", "whether the user _tom is as it should be", error),
    }
    let has_user =
        facts.database.as_ref().is_some_and(|database| database.accounts.iter().any(|account| account.name == USER));
    let Some(text) = facts.policy.as_ref().filter(|_| has_user && Path::new(HOOK).exists()) else { return };
    let Ok(bytes) = active_policy::read_from_active(RESOLVED) else { return };
    let Ok((active, _)) = stored::decode(&bytes) else { return };
    let active = active.with_revoked(active_policy::revoked().unwrap_or_default());
    let offers = policy::offers(text, &active, facts.now);
    let Some((key, account)) = offers.first() else { return };
    let (kind, blob) = (key.public.key_type().name(), &*encode_blob(key.public.blob()));
    let arguments = [
        "--reuid",
        USER,
        "--regid",
        USER,
        "--clear-groups",
        "--reset-env",
        "--inh-caps=-all",
        "--",
        HOOK,
        account,
        kind,
        blob,
    ];
    match command::run(SETPRIV, &arguments, LIMIT) {
        Ok(said) if said.status.success() && said.stdout.lines().count() == 1 && said.stdout.contains(blob) => {}
        Ok(said) => {
            let how =
                if said.status.success() { "prints no key".to_owned() } else { format!("fails ({})", said.status) };
            findings.add(broken(&format!("{how} for a key of the policy, run as {USER}")));
        }
        Err(error) if error.is_missing() => findings.not_known("hook", "whether tom-authorized-keys gives keys", error),
        Err(error) => findings.add(broken(&format!("does not answer: {error}"))),
    }
}

fn broken(how: &str) -> Finding {
    Finding::critical("hook-fails", format!("tom-authorized-keys {how}"))
        .why("sshd takes keys from nowhere else: no administrator gets in")
        .fix("'journalctl -t tom-authorized-keys' says why; often the group _tom cannot read the active policy")
        .at(HOOK)
}

/// The user whom sshd runs it as: nobody logs in to it, and it owns nothing.
fn user(passwd: &str, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let Some(line) = passwd.lines().find(|line| line.split(':').next() == Some(USER)) else {
        return vec![
            Finding::critical("tom-user-missing", format!("there is no user {USER}"))
                .why("sshd cannot run tom-authorized-keys: no administrator gets in")
                .fix("install the package again; it makes the user")
                .at("/etc/passwd"),
        ];
    };
    let fields: Vec<&str> = line.split(':').collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    let mut findings = Vec::new();
    let mut wrong = |id: &'static str, what: String, why: &str, fix: &str| {
        findings.push(Finding::warning(id, what).why(why).fix(fix).at("/etc/passwd"));
    };
    if field(2) == "0" {
        wrong(
            "tom-user-root",
            format!("the user {USER} is root (uid 0)"),
            "what strangers' keys are handed to runs as root",
            "give it a number of its own",
        );
    }
    if !matches!(field(6), "/usr/sbin/nologin" | "/sbin/nologin" | "/bin/false" | "/usr/bin/false") {
        wrong(
            "tom-user-shell",
            format!("the user {USER} has a shell, {}", field(6)),
            "whoever becomes it reads the policy, with all names and networks",
            "'usermod -s /usr/sbin/nologin _tom'",
        );
    }
    if exists(field(5)) && !matches!(field(5), "/" | "/var/lib/tom") {
        wrong(
            "tom-user-home",
            format!("the user {USER} has a home directory, {}", field(5)),
            "it needs none; files there are read by programs that run as it",
            "'usermod -d /nonexistent _tom', and take the directory away",
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::user;

    #[test]
    fn nobody_logs_in_to_it() {
        for (line, expected) in [
            ("_tom:x:990:990::/nonexistent:/usr/sbin/nologin", vec![]),
            ("_tom:x:990:990::/nonexistent:/bin/bash", vec!["tom-user-shell"]),
            ("_tom:x:0:990::/home/_tom:/bin/false", vec!["tom-user-root", "tom-user-home"]),
            ("_tomas:x:990:990::/nonexistent:/usr/sbin/nologin", vec!["tom-user-missing"]),
        ] {
            let found = user(line, |home| home.starts_with("/home"));
            assert_eq!(found.iter().map(|finding| finding.id).collect::<Vec<_>>(), expected, "{line}");
        }
    }
}
