//! polkit: who may become root by pkexec and the like, without sudo.
//!
//! An administrator whom polkit asks for a password goes through PAM's service polkit-1, whose account phase refuses
//! governed accounts (pam.rs looks at its stack). What is left: rules that ask nobody, and administrators whom tom
//! does not govern.

use super::facts::Facts;
use super::finding::{Finding, Findings};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const RULES: [&str; 4] = [
    "/etc/polkit-1/rules.d",
    "/run/polkit-1/rules.d",
    "/usr/local/share/polkit-1/rules.d",
    "/usr/share/polkit-1/rules.d",
];
/// The older form.
const LOCAL_AUTHORITY: [&str; 2] = ["/etc/polkit-1/localauthority", "/var/lib/polkit-1/localauthority"];
const DEEPEST: usize = 4;

/// Reads all rules.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    for directory in RULES.into_iter().chain(LOCAL_AUTHORITY).chain(["/etc/polkit-1/localauthority.conf.d"]) {
        let mut files = Vec::new();
        if let Err(error) = collect(Path::new(directory), 0, &mut files) {
            findings.not_known("polkit", format!("which rules polkit has in {directory}"), error);
        }
        for file in files {
            match fs::read(&file) {
                Ok(bytes) => {
                    let of_package = file.starts_with("/usr/share");
                    findings.add_all(judge(facts, &file, &String::from_utf8_lossy(&bytes), of_package));
                }
                Err(error) => findings.not_known("polkit", format!("what {} allows", file.display()), error),
            }
        }
    }
}

fn collect(directory: &Path, depth: usize, files: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let path = entry?.path();
        let wanted = |ending: &str| path.extension().is_some_and(|extension| extension == ending);
        if path.is_dir() && depth < DEEPEST {
            collect(&path, depth.saturating_add(1), files)?;
        } else if wanted("rules") || wanted("pkla") || wanted("conf") {
            files.push(path);
        }
    }
    Ok(())
}

fn judge(facts: &Facts, file: &Path, text: &str, of_package: bool) -> Vec<Finding> {
    let text = without_comments(text);
    let mut findings = Vec::new();
    let asks_nobody = text.contains("polkit.Result.YES") || text.contains("Result.YES");
    let local_yes = text.lines().filter_map(|line| line.trim().split_once('=')).any(|(key, value)| {
        matches!(key.trim(), "ResultAny" | "ResultInactive" | "ResultActive") && value.trim() == "yes"
    });
    if (asks_nobody || local_yes) && !of_package {
        findings.push(
            Finding::warning("polkit-rule", "a rule of polkit allows something without asking anybody")
                .why("what it allows may be as good as root, and neither PAM nor tom is asked")
                .fix("see for whom and what it is; take it out, or let it ask for the administrator")
                .at(file.display().to_string()),
        );
    }
    let names_administrators = text.contains("addAdminRule") || text.contains("AdminIdentities");
    for identity in identities(&text).into_iter().filter(|_| names_administrators) {
        let is_known = match identity.split_once(':') {
            Some(("unix-group", group)) => {
                facts.admin_groups.iter().any(|known| known == group) || !has_members(facts, group)
            }
            Some(("unix-user", user)) => match &facts.database {
                Some(database) => {
                    let mut accounts = database.accounts.iter();
                    accounts.find(|account| account.name == user).is_none_or(|account| facts.is_governed(account))
                }
                None => false,
            },
            _ => false,
        };
        if !is_known {
            findings.push(
                Finding::critical("polkit-administrator", format!("polkit takes {identity} for an administrator"))
                    .why("tom does not govern it: its password is enough to run anything as root with pkexec")
                    .fix("take it out of the rule; or let the policy govern it: [admin] groups, or a grant")
                    .at(file.display().to_string()),
            );
        }
    }
    findings
}

fn has_members(facts: &Facts, group: &str) -> bool {
    facts.database.as_ref().is_some_and(|database| !database.members_of(&[group]).is_empty())
}

/// `unix-user:NAME` and `unix-group:NAME`, wherever they stand.
fn identities(text: &str) -> Vec<String> {
    let words = text.split(|c: char| matches!(c, '"' | '\'' | ';' | ',' | '[' | ']' | '=') || c.is_whitespace());
    let mut all: Vec<String> = words
        .filter(|word| word.starts_with("unix-user:") || word.starts_with("unix-group:"))
        .map(str::to_owned)
        .collect();
    all.sort();
    all.dedup();
    all
}

fn without_comments(text: &str) -> String {
    let kept = text.lines().filter(|line| !line.trim_start().starts_with("//") && !line.trim_start().starts_with('#'));
    kept.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::{identities, without_comments};

    #[test]
    fn finds_who_is_meant() {
        let text = "polkit.addAdminRule(function(action, subject) {\n  // \"unix-user:old\"\n  return [\"unix-group:sudo\", \"unix-user:acme\"];\n});";
        assert_eq!(identities(&without_comments(text)), ["unix-group:sudo", "unix-user:acme"]);
        assert_eq!(identities("AdminIdentities=unix-group:sudo;unix-user:0"), ["unix-group:sudo", "unix-user:0"]);
    }
}
