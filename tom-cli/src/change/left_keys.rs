//! What stays when the package goes: the policy's keys as plain lines for sshd.
//!
//! On most enforced hosts nobody has keys of his own any more, so that taking tom away would take every way in. What
//! the policy said at that moment is left behind in the form that sshd reads by itself (authorized_keys with
//! verify-required, from= and expiry-time), pinned for the same accounts. It no longer follows the policy.

use crate::change::configuration::{ConfigurationError, Reload, failed};
use crate::change::file::{self, Attributes};
use crate::change::sshd_lines::{self, DROP_IN, Governed};
use libtom::decision::{Decision, Groups, Key, Phase, Request, decide};
use libtom::host_policy::HostPolicy;
use libtom::keyline;
use libtom::moment::Moment;
use libtom::policy::Service;
use std::borrow::Cow;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use tom_host::accounts;

/// Where the lines are, one file per account.
pub(crate) const DIRECTORY: &str = "/etc/ssh/tom-left-keys";
/// The drop-in begins with it.
const HEAD: &str = "\
# Left behind by tom when it was taken away: the keys of its policy, as they were then, in /etc/ssh/tom-left-keys.
# They no longer follow the policy. Delete this file and that directory once administrators have another way in.

UsePAM yes

";

/// Accounts, each with the lines of the keys that may enter it: what sshd would be told at this moment, by the policy
/// that logins are decided by.
pub(crate) fn lines(here: &HostPolicy<'_>, now: Moment) -> Vec<(String, Vec<String>)> {
    let mut accounts: Vec<String> = here.governed_accounts().iter().map(|name| (*name).to_owned()).collect();
    if !accounts.iter().any(|name| name == "root") {
        accounts.push("root".to_owned());
    }
    let line = |account: &str, blob: &[u8]| {
        let uid = accounts::look_up(account).ok().map(|account| account.uid);
        let request = Request {
            account: Some(account),
            uid,
            groups: Groups::Known(&[]),
            key: Key::Blob(Cow::Borrowed(blob)),
            ..Request::new(Phase::Offer, Service::Sshd.name(), now)
        };
        match decide(here, &request) {
            Decision::Allow(allow) => keyline::line(&allow),
            Decision::Deny(_) | Decision::NotGoverned(_) => None,
        }
    };
    accounts
        .into_iter()
        .map(|account| {
            let lines = here.keys().iter().filter_map(|key| line(&account, key.blob)).collect();
            (account, lines)
        })
        .filter(|(_, lines): &(String, Vec<String>)| !lines.is_empty())
        .collect()
}

/// Leaves them behind, in the place of tom's own drop-in.
pub(crate) fn leave(here: &HostPolicy<'_>, now: Moment) -> Result<(), ConfigurationError> {
    let directory = Path::new(DIRECTORY);
    DirBuilder::new().mode(0o755).recursive(true).create(directory).map_err(failed(directory, "made"))?;
    // sshd opens the files as the user who logs in, whatever our umask.
    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).map_err(failed(directory, "given its mode"))?;
    let lines = lines(here, now);
    // Of an earlier removal, for an account that no key enters now.
    for entry in fs::read_dir(directory).map_err(failed(directory, "read"))? {
        let entry = entry.map_err(failed(directory, "read"))?;
        if !lines.iter().any(|(account, _)| entry.file_name() == account.as_str()) {
            file::remove(&entry.path()).map_err(failed(&entry.path(), "removed"))?;
        }
    }
    for (account, lines) in lines {
        // Names of accounts have no slash (names.rs of libtom's policy).
        let path = directory.join(account);
        let mut text = lines.join("\n");
        text.push('\n');
        file::write(&path, text.as_bytes(), Attributes::of_root(0o644)).map_err(failed(&path, "written"))?;
    }
    let path = Path::new(DROP_IN);
    let text = drop_in(&Governed::of(here)?);
    file::replace(path, text.as_bytes()).map_err(failed(path, "written"))?;
    sshd_lines::reload(Reload::Yes)
}

/// The same pins, with the files instead of the hook.
fn drop_in(governed: &Governed) -> String {
    let text = governed.drop_in();
    let blocks = text.find("Match ").and_then(|start| text.get(start..)).unwrap_or_default();
    let mut left = String::from(HEAD);
    for line in blocks.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        match word {
            _ if word.starts_with('#') || word.starts_with("AuthorizedKeysCommand") => {}
            "AuthorizedKeysFile" => left.push_str(&format!("    AuthorizedKeysFile {DIRECTORY}/%u\n")),
            _ => {
                left.push_str(line);
                left.push('\n');
            }
        }
    }
    left
}

/// Is it this that stands in the drop-in's place?
pub(crate) fn are_left() -> bool {
    let head = HEAD.lines().next().unwrap_or_default();
    file::read(Path::new(DROP_IN)).ok().flatten().is_some_and(|(text, _)| text.starts_with(head.as_bytes()))
}

/// Takes away what an earlier removal left: the drop-in, where it still stands, and then the keys that it names.
pub(crate) fn clear(reload: Reload) -> Result<(), ConfigurationError> {
    if are_left() {
        let path = Path::new(DROP_IN);
        file::remove(path).map_err(failed(path, "removed"))?;
        sshd_lines::reload(reload)?;
    }
    let directory = Path::new(DIRECTORY);
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(failed(directory, "removed")(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{DIRECTORY, Governed, drop_in};

    #[test]
    fn the_same_pins_without_the_hook() {
        let governed = Governed { users: vec!["root".to_owned()], groups: vec!["sudo".to_owned()] };
        let text = drop_in(&governed);
        assert!(!text.contains("AuthorizedKeysCommand"), "{text}");
        assert_eq!(text.matches(&format!("    AuthorizedKeysFile {DIRECTORY}/%u\n")).count(), 2, "{text}");
        for pin in ["AuthenticationMethods publickey", "PubkeyAuthOptions verify-required", "TrustedUserCAKeys none"] {
            assert_eq!(text.matches(&format!("    {pin}\n")).count(), 2, "{pin}: {text}");
        }
    }
}
