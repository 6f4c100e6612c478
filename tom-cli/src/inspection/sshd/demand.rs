//! What sshd must do for an account that tom governs, keyword by keyword.

use super::Consequence;
use super::pattern;
use std::collections::BTreeMap;
use std::net::IpAddr;

/// What `sshd -T` says: values by keyword, in their order.
pub(crate) type Effective = BTreeMap<String, Vec<String>>;

/// Reads what `sshd -T` says.
pub(crate) fn read(text: &str) -> Effective {
    let mut effective = Effective::new();
    for line in text.lines() {
        let (keyword, value) = line.split_once(' ').unwrap_or((line, ""));
        effective.entry(keyword.to_owned()).or_default().push(value.trim().to_owned());
    }
    effective
}

/// An account as sshd's rules see it.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) is_uid_0: bool,
    pub(crate) groups: Vec<String>,
}

/// A value that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) keyword: &'static str,
    pub(crate) expected: &'static str,
    pub(crate) found: String,
    pub(crate) consequence: Consequence,
}

/// How the value of a keyword is judged.
#[derive(Clone, Copy)]
enum Rule {
    /// This value.
    Is,
    /// This value, where this version of sshd knows the keyword.
    IsIfKnown,
    /// This word among others.
    Has,
}

use Consequence::{LockOut, WayIn, Weaker};

/// The lines of packaging/sshd/10-tom.conf, and what could undo them. AuthorizedPrincipals… need no line: they count
/// for certificates alone, which TrustedUserCAKeys none ends.
const DEMANDS: [(&str, Rule, &str, Consequence); 21] = [
    ("usepam", Rule::Is, "yes", WayIn),
    ("pamservicename", Rule::IsIfKnown, "sshd", WayIn),
    ("usedns", Rule::Is, "no", WayIn),
    ("authorizedkeyscommand", Rule::Is, "/usr/lib/tom/tom-authorized-keys %u %t %k", LockOut),
    ("authorizedkeyscommanduser", Rule::Is, "_tom", LockOut),
    ("authorizedkeysfile", Rule::Is, "none", WayIn),
    ("trustedusercakeys", Rule::Is, "none", WayIn),
    ("authenticationmethods", Rule::Is, "publickey", WayIn),
    ("pubkeyauthentication", Rule::Is, "yes", LockOut),
    ("passwordauthentication", Rule::Is, "no", WayIn),
    ("kbdinteractiveauthentication", Rule::Is, "no", WayIn),
    ("gssapiauthentication", Rule::Is, "no", WayIn),
    ("hostbasedauthentication", Rule::Is, "no", WayIn),
    ("pubkeyauthoptions", Rule::Has, "verify-required", WayIn),
    ("permituserenvironment", Rule::Is, "no", Weaker),
    ("forcecommand", Rule::Is, "none", LockOut),
    ("chrootdirectory", Rule::Is, "none", LockOut),
    ("refuseconnection", Rule::IsIfKnown, "no", LockOut),
    ("permittty", Rule::Is, "yes", LockOut),
    ("pubkeyacceptedalgorithms", Rule::Has, "sk-ssh-ed25519@openssh.com", LockOut),
    ("pubkeyacceptedalgorithms", Rule::Has, "sk-ecdsa-sha2-nistp256@openssh.com", LockOut),
];

/// Everything that does not hold for an account.
pub(crate) fn broken(effective: &Effective, account: &Account, host: &str, address: IpAddr) -> Vec<Broken> {
    let mut all = Vec::new();
    for (keyword, rule, expected, consequence) in DEMANDS {
        let value = effective.get(keyword).map(|values| values.join(" "));
        let holds = match (rule, &value) {
            (Rule::IsIfKnown, None) => true,
            (Rule::Is | Rule::IsIfKnown, Some(value)) => value == expected,
            (Rule::Has, Some(value)) => value.split([',', ' ']).any(|word| word == expected),
            (Rule::Is | Rule::Has, None) => false,
        };
        if !holds {
            // Another command, or none while keys come from files, is a way in; this is the rest.
            let consequence = match (keyword, value.as_deref()) {
                ("authorizedkeyscommand", Some(found)) if found != "none" => WayIn,
                _ => consequence,
            };
            let found = value.unwrap_or_else(|| "nothing".to_owned());
            all.push(Broken { keyword, expected, found, consequence });
        }
    }
    if account.is_uid_0
        && let Some(found) = one(effective, "permitrootlogin")
        && !matches!(found, "yes" | "without-password" | "prohibit-password")
    {
        let expected = "prohibit-password";
        all.push(Broken { keyword: "permitrootlogin", expected, found: found.to_owned(), consequence: LockOut });
    }
    all.extend(shut_out(effective, account, host, address));
    all
}

fn one<'e>(effective: &'e Effective, keyword: &str) -> Option<&'e str> {
    effective.get(keyword)?.first().map(String::as_str)
}

/// DenyUsers, AllowUsers, DenyGroups, AllowGroups, as auth.c asks them.
fn shut_out(effective: &Effective, account: &Account, host: &str, address: IpAddr) -> Option<Broken> {
    let user = |pattern: &String| match pattern.rsplit_once('@') {
        Some((user, from)) => {
            pattern::glob(user, &account.name)
                && (pattern::address(from, &address.to_string()) || pattern::glob(from, host))
        }
        None => pattern::glob(pattern, &account.name),
    };
    let group = |pattern: &String| account.groups.iter().any(|group| pattern::glob(pattern, group));
    let broken = |keyword, expected, list: &[String]| {
        Some(Broken { keyword, expected, found: list.join(" "), consequence: LockOut })
    };
    let list = |keyword: &str| effective.get(keyword).map_or(&[][..], Vec::as_slice);
    let (denied, allowed) = (list("denyusers"), list("allowusers"));
    let (denied_groups, allowed_groups) = (list("denygroups"), list("allowgroups"));
    if denied.iter().any(user) {
        return broken("denyusers", "a list without this account", denied);
    }
    if !allowed.is_empty() && !allowed.iter().any(user) {
        return broken("allowusers", "a list with this account, or none", allowed);
    }
    if denied_groups.iter().any(group) {
        return broken("denygroups", "a list without a group of this account", denied_groups);
    }
    if !allowed_groups.is_empty() && !allowed_groups.iter().any(group) {
        return broken("allowgroups", "a list with a group of this account, or none", allowed_groups);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{Account, broken, read};

    fn effective(change: &str) -> super::Effective {
        let sound = "usepam yes\nusedns no\nauthorizedkeyscommand /usr/lib/tom/tom-authorized-keys %u %t %k\n\
             authorizedkeyscommanduser _tom\nauthorizedkeysfile none\ntrustedusercakeys none\n\
             authenticationmethods publickey\npubkeyauthentication yes\npasswordauthentication no\n\
             kbdinteractiveauthentication no\ngssapiauthentication no\nhostbasedauthentication no\n\
             pubkeyauthoptions verify-required\npermituserenvironment no\nforcecommand none\nchrootdirectory none\n\
             permitrootlogin without-password\npermittty yes\n\
             pubkeyacceptedalgorithms sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com\n";
        let mut effective = read(sound);
        for line in change.lines() {
            let keyword = line.split(' ').next().unwrap();
            effective.remove(keyword);
        }
        for (keyword, values) in read(change) {
            effective.insert(keyword, values);
        }
        effective
    }

    /// Each setting that is not as it has to be is named by its keyword, and nothing else is.
    #[test]
    fn each_wrong_value_is_named() {
        let root = Account { name: "root".to_owned(), is_uid_0: true, groups: vec!["root".to_owned()] };
        for (change, expected) in [
            ("", None),
            ("usepam no", Some("usepam")),
            ("usedns yes", Some("usedns")),
            ("pamservicename other", Some("pamservicename")),
            ("pamservicename sshd", None),
            ("authorizedkeyscommand /usr/bin/other %u", Some("authorizedkeyscommand")),
            ("authorizedkeysfile .ssh/authorized_keys .ssh/authorized_keys2", Some("authorizedkeysfile")),
            ("trustedusercakeys /etc/ssh/ca.pub", Some("trustedusercakeys")),
            ("authenticationmethods any", Some("authenticationmethods")),
            ("passwordauthentication yes", Some("passwordauthentication")),
            ("pubkeyauthoptions none", Some("pubkeyauthoptions")),
            ("pubkeyauthoptions touch-required verify-required", None),
            ("permitrootlogin no", Some("permitrootlogin")),
            ("permitrootlogin forced-commands-only", Some("permitrootlogin")),
            ("allowusers anna\nallowusers bert", Some("allowusers")),
            ("allowusers root@192.0.2.*", None),
            ("allowusers root@10.0.0.0/8", Some("allowusers")),
            ("denyusers r*", Some("denyusers")),
            ("allowgroups ssh", Some("allowgroups")),
            ("denygroups root", Some("denygroups")),
        ] {
            let found = broken(&effective(change), &root, "192.0.2.1", "192.0.2.1".parse().unwrap());
            let found: Vec<&str> = found.iter().map(|broken| broken.keyword).collect();
            assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{change}");
        }
    }

    #[test]
    fn what_sshd_does_not_say_does_not_hold() {
        let anna = Account { name: "anna".to_owned(), is_uid_0: false, groups: Vec::new() };
        let address = "192.0.2.1".parse().unwrap();
        assert!(broken(&read(""), &anna, "192.0.2.1", address).len() > 10);
        assert!(broken(&effective("permitrootlogin no"), &anna, "192.0.2.1", address).is_empty());
    }
}
