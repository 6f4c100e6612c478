//! What PAM knows of the login at hand, as owned values.
//!
//! Everything here was said by the application (sshd, su, sudo …). No name is resolved: an address is
//! a number or it is none.

use crate::ffi;
use libtom::decision::{Groups, Key, Origin, Phase, Request, needs_groups};
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::policy::Service;
use pam::items::{self, Item};
use pam::module::PamHandle;
use std::ffi::CStr;
use tom_host::{accounts, clock};

/// The longest value that is looked at: SSH_AUTH_INFO_0 holds a key, of RSA up to some 3 kB.
const LONGEST: usize = 64 << 10;

/// Why a transaction cannot be decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Incomplete {
    /// No service, no user, or one that is no text.
    ServiceOrUser,
}

/// What PAM knows.
#[derive(Clone, Debug)]
pub(crate) struct Transaction {
    /// PAM_SERVICE.
    pub(crate) service: String,
    /// PAM_USER.
    pub(crate) user: String,
    /// PAM_RUSER: the caller, for su and sudo.
    pub(crate) caller: Option<String>,
    /// The client's address as it was said.
    pub(crate) from: Option<String>,
    /// Where the client is.
    pub(crate) origin: Origin,
    /// The key that sshd has verified.
    pub(crate) key: Key<'static>,
}

impl Transaction {
    /// Reads it from the handle.
    pub(crate) fn read(pamh: &mut PamHandle) -> Result<Self, Incomplete> {
        let service = item::<items::Service<'_>>(pamh).flatten().ok_or(Incomplete::ServiceOrUser)?;
        let user = item::<items::User<'_>>(pamh).flatten().ok_or(Incomplete::ServiceOrUser)?;
        let caller = item::<items::RUser<'_>>(pamh).flatten();
        // A host that is no text is still one.
        let host = item::<items::RHost<'_>>(pamh).map(|host| host.unwrap_or_else(|| "?".to_owned()));
        let is_ssh = Service::of_pam(&service) == Some(Service::Sshd);
        let (from, key) = if is_ssh { (client_of_ssh(pamh, host), key_of_ssh(pamh)) } else { (host, Key::Missing) };
        let origin = Origin::parse(from.as_deref().unwrap_or_default());
        Ok(Self { service, user, caller, from, origin, key })
    }

    /// Is it one of the services in which somebody who is logged in becomes another?
    pub(crate) fn known_service(&self) -> Option<Service> {
        Service::of_pam(&self.service)
    }
}

/// A text item: nothing where it is not set or empty, and `Some(None)` where it is no text.
fn item<'h, T: Item<'h> + std::ops::Deref<Target = &'h CStr>>(pamh: &'h PamHandle) -> Option<Option<String>> {
    let item = pamh.get_item::<T>().ok().flatten()?;
    let text = item.to_bytes();
    if text.is_empty() {
        return None;
    }
    Some(String::from_utf8(text.to_vec()).ok().filter(|text| text.len() <= LONGEST))
}

/// The client's address: sshd says it in SSH_CONNECTION ("client port server port") before it asks the
/// account phase, and in PAM_RHOST, which is a name where UseDNS is on. Two numbers that differ are none.
fn client_of_ssh(pamh: &mut PamHandle, host: Option<String>) -> Option<String> {
    let connection = ffi::environment_variable(pamh, c"SSH_CONNECTION").map(|value| {
        let value = String::from_utf8(value).unwrap_or_default();
        value.split(' ').next().unwrap_or_default().to_owned()
    });
    let Some(client) = connection else { return host };
    match (Origin::parse(&client), host.as_deref().map(Origin::parse)) {
        (Origin::Address(said), Some(Origin::Address(other))) if said != other => Some(format!("{client}?")),
        // Something was said, so that there is an address, and it is none.
        (Origin::Local, _) => Some("?".to_owned()),
        _ => Some(client),
    }
}

/// The key in SSH_AUTH_INFO_0: exactly one line, `publickey TYPE BASE64`, no certificate. Anything else
/// that sshd says is a key that nobody has; without it there is none.
fn key_of_ssh(pamh: &mut PamHandle) -> Key<'static> {
    ffi::environment_variable(pamh, c"SSH_AUTH_INFO_0").map_or(Key::Missing, |info| parse_auth_info(&info))
}

fn parse_auth_info(info: &[u8]) -> Key<'static> {
    if info.is_empty() {
        return Key::Missing;
    }
    let Ok(info) = str::from_utf8(info) else { return Key::Unreadable };
    let line = info.strip_suffix('\n').unwrap_or(info);
    if line.len() > LONGEST || line.contains(['\n', '\r', '\0']) {
        return Key::Unreadable;
    }
    match line.strip_prefix("publickey ") {
        Some(key) if key.split(' ').count() == 2 => Key::parse(key),
        _ => Key::Unreadable,
    }
}

/// Facts of the host that a request needs, looked up only where they matter.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    uid: Option<u32>,
    groups: Option<Vec<String>>,
    caller_uid: Option<u32>,
    caller_groups: Option<Vec<String>>,
}

impl Facts {
    /// Looks up what the rules will ask for. What could not be looked up stays unknown, and the rules
    /// deny where it would have mattered.
    pub(crate) fn of(transaction: &Transaction, policy: &HostPolicy<'_>, phase: Phase) -> Self {
        let mut facts = Self::default();
        if transaction.known_service().is_some_and(Service::has_caller) {
            facts.caller_uid = caller_uid(transaction);
        }
        let subject = if names_no_target(transaction, phase) {
            transaction.caller.as_deref()
        } else {
            Some(transaction.user.as_str())
        };
        if !needs_groups(policy, &facts.borrow().request(transaction, phase, policy)) {
            return facts;
        }
        let Some(Ok(account)) = subject.map(accounts::look_up) else { return facts };
        let wanted: Vec<&str> = policy.admin_groups().collect();
        if names_no_target(transaction, phase) {
            facts.caller_groups = accounts::groups_among(&account, &wanted).ok();
            return facts;
        }
        facts.uid = Some(account.uid);
        if needs_groups(policy, &facts.borrow().request(transaction, phase, policy)) {
            facts.groups = accounts::groups_among(&account, &wanted).ok();
        }
        facts
    }

    /// The facts in the form that a request takes.
    pub(crate) fn borrow(&self) -> BorrowedFacts<'_> {
        BorrowedFacts {
            uid: self.uid,
            groups: borrowed(self.groups.as_ref()),
            caller_uid: self.caller_uid,
            caller_groups: borrowed(self.caller_groups.as_ref()),
        }
    }
}

/// The caller's real uid. su and sudo say by PAM_RUSER who called them. sudo has made itself root by now,
/// so nothing else tells; su has not, and is believed to be root's only if the kernel says so as well.
fn caller_uid(transaction: &Transaction) -> Option<u32> {
    let uid = accounts::look_up(transaction.caller.as_deref()?).ok()?.uid;
    let is_su = transaction.known_service() == Some(Service::Su);
    (uid != 0 || !is_su || accounts::real_uid() == 0).then_some(uid)
}

fn borrowed(list: Option<&Vec<String>>) -> Option<Vec<&str>> {
    list.map(|list| list.iter().map(String::as_str).collect())
}

/// [`Facts`], borrowed.
pub(crate) struct BorrowedFacts<'f> {
    uid: Option<u32>,
    groups: Option<Vec<&'f str>>,
    caller_uid: Option<u32>,
    caller_groups: Option<Vec<&'f str>>,
}

impl BorrowedFacts<'_> {
    /// The request for a decision.
    pub(crate) fn request<'r>(
        &'r self,
        transaction: &'r Transaction,
        phase: Phase,
        policy: &HostPolicy<'_>,
    ) -> Request<'r> {
        let account = (!names_no_target(transaction, phase)).then_some(transaction.user.as_str());
        Request {
            phase,
            service: &transaction.service,
            account,
            uid: self.uid,
            groups: self.groups.as_deref().map_or(Groups::Unknown, Groups::Known),
            origin: transaction.origin,
            key: transaction.key.clone(),
            at: Moment::from_unix(clock::now()).not_before(policy.applied()),
            invoker: transaction.caller.as_deref(),
            invoker_uid: self.caller_uid,
            invoker_groups: self.caller_groups.as_deref().map_or(Groups::Unknown, Groups::Known),
        }
    }
}

/// In sudo's auth phase PAM_USER is the caller; the account to be entered is not yet known.
fn names_no_target(transaction: &Transaction, phase: Phase) -> bool {
    phase == Phase::Auth && transaction.known_service() == Some(Service::Sudo)
}

#[cfg(test)]
mod tests {
    use super::parse_auth_info;
    use libtom::decision::Key;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBZM4pHC9C+FWrK6Vsh5ZFqJ9QxRrMMVWbDF+3x4rjYI";

    #[test]
    fn takes_one_line_of_one_public_key() {
        for info in [format!("publickey {KEY}"), format!("publickey {KEY}\n")] {
            assert!(matches!(parse_auth_info(info.as_bytes()), Key::Blob(_)), "{info:?}");
        }
        assert_eq!(parse_auth_info(b""), Key::Missing);
    }

    /// Cases 13 and 16: whatever else could stand there is nobody's key.
    #[test]
    fn case_16_anything_else_is_nobodys_key() {
        for info in [
            "password".to_owned(),
            "keyboard-interactive/pam".to_owned(),
            format!("hostbased {KEY}"),
            format!("publickey {KEY}\npublickey {KEY}\n"),
            format!("publickey {KEY}\npassword\n"),
            format!("password\npublickey {KEY}\n"),
            format!("publickey {KEY}\n\n"),
            format!("publickey {KEY}\r\n"),
            format!("publickey {KEY} anna@office"),
            format!("publickey  {KEY}"),
            format!(" publickey {KEY}"),
            format!("publickey\t{KEY}"),
            format!("PUBLICKEY {KEY}"),
            "publickey".to_owned(),
            "publickey ".to_owned(),
            "publickey ssh-ed25519 AAAA".to_owned(),
            "publickey ssh-ed25519-cert-v01@openssh.com AAAAIHNzaC1lZDI1NTE5LWNlcnQtdjAxQG9wZW5zc2guY29t".to_owned(),
        ] {
            assert_eq!(parse_auth_info(info.as_bytes()), Key::Unreadable, "{info:?}");
        }
        assert_eq!(parse_auth_info(b"publickey \xff\xfe"), Key::Unreadable);
        assert_eq!(parse_auth_info(&[b'a'; 100_000]), Key::Unreadable);
    }
}
