//! Files beside governed accounts that sshd and PAM may read: keys that no longer count, variables that lie.

use super::facts::{Facts, listed};
use super::finding::{Finding, Findings};
use std::fs;
use std::path::Path;

/// Keys of the account's own, as sshd's default has it.
const KEYS: [&str; 2] = [".ssh/authorized_keys", ".ssh/authorized_keys2"];
/// Read by pam_env where its line says user_readenv=1, as in Debian 12's stack of sshd, after pam_tom.
const VARIABLES: &str = ".pam_environment";

/// Looks at them.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let passwd = match fs::read_to_string("/etc/passwd") {
        Ok(passwd) => passwd,
        Err(error) => return findings.not_known("homes", "which keys lie beside governed accounts", error),
    };
    let mut with_keys = Vec::new();
    for account in facts.governed_accounts() {
        let line = passwd.lines().find(|line| line.split(':').next() == Some(&account.name));
        let Some(home) = line.and_then(|line| line.split(':').nth(5)).filter(|home| home.starts_with('/')) else {
            continue;
        };
        let home = Path::new(home);
        let text = |file: &str| fs::read(home.join(file)).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        if KEYS.iter().filter_map(|file| text(file).ok()).any(|text| holds_keys(&text)) {
            with_keys.push(account.name.clone());
        }
        if text(VARIABLES).is_ok_and(|text| text.lines().any(|line| line.trim_start().starts_with("TOM_"))) {
            findings.add(
                Finding::warning("environment-file", format!("a file of {} sets variables of tom's", account.name))
                    .why("programs that go by them take the person for another; the journal does not")
                    .fix("take the lines out")
                    .at(home.join(VARIABLES).display().to_string()),
            );
        }
    }
    if !with_keys.is_empty() {
        findings.add(
            Finding::note("authorized-keys-left", format!("keys lie in authorized_keys of {}", listed(&with_keys)))
                .why(
                    "they do not count while AuthorizedKeysFile is none; when tom is taken off the host, they do again",
                )
                .fix("take out what is not needed for that day"),
        );
    }
}

fn holds_keys(text: &str) -> bool {
    text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::holds_keys;

    #[test]
    fn a_comment_is_no_key() {
        assert!(!holds_keys("# nothing\n\n"));
        assert!(holds_keys("# one\nssh-ed25519 AAAA\n"));
    }
}
