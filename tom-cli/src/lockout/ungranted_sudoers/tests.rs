use super::*;
use crate::lockout::example::{POLICY, now, on, policy};
use crate::lockout::host_accounts::made_up::MadeUp;
use tom_host::accounts::{Account, Group};

const HOST: MadeUp = MadeUp(&[
    ("root", 0, &[]),
    ("anna", 2001, &["sudo"]),
    ("bert", 2002, &[]),
    ("cora", 2003, &["sudo"]),
    ("www", 33, &[]),
    ("nagios", 120, &[]),
]);

fn database() -> Database {
    let accounts = HOST.0.iter().map(|(name, uid, _)| Account { name: (*name).to_owned(), uid: *uid, gid: *uid });
    let group = |name: &str, gid: u32, members: &[&str]| Group {
        name: name.to_owned(),
        gid,
        members: members.iter().map(|member| (*member).to_owned()).collect(),
    };
    Database {
        accounts: accounts.collect(),
        groups: vec![group("sudo", 27, &["anna", "cora", "gone"]), group("web", 33, &[])],
    }
}

fn refused(text: &str, sudoers: &[Sudoer]) -> Vec<String> {
    let policy = policy(text);
    let found = judge(sudoers, &on(&policy, "web1"), &policy, now(), &database(), &HOST);
    found.into_iter().map(|ungranted| ungranted.user).collect()
}

fn user(name: &str) -> Sudoer {
    Sudoer::User(name.to_owned())
}

fn group(name: &str) -> Sudoer {
    Sudoer::Group(name.to_owned())
}

#[test]
fn who_is_left_out() {
    // anna is an administrator by group, and the grant has no via; cora likewise: some key of the grant suffices.
    assert!(refused(POLICY, &[group("sudo"), user("root"), user("nagios"), user("gone")]).is_empty());
    // bert's own grant is for his own account, from his own account.
    assert!(refused(POLICY, &[user("bert")]).is_empty());
    // An account that nothing governs, by a primary group.
    assert_eq!(refused(POLICY, &[group("web")]), ["www"]);
    // From this account no longer.
    let from_elsewhere = POLICY.replace("via = [\"bert\"]", "via = [\"cora\"]");
    assert_eq!(refused(&from_elsewhere, &[user("bert"), user("cora")]), ["bert"]);
    // Without any grant with sudo.
    let none = POLICY
        .replace(", \"su\", \"sudo\"", "")
        .replace("\"sshd\", \"sudo\"", "\"sshd\"")
        .replace("via = [\"bert\"]\n", "");
    assert_eq!(refused(&none, &[group("sudo"), user("bert"), user("nagios")]), ["anna", "bert", "cora"]);
    assert_eq!(refused(&POLICY.replace("\"nagios\"", "\"icinga\""), &[user("nagios")]), ["nagios"]);
}

#[test]
fn each_is_a_sentence() {
    let policy = policy(POLICY);
    let named = [group("web"), user("www")];
    let found = judge(&named, &on(&policy, "web1"), &policy, now(), &database(), &HOST);
    assert_eq!(found.len(), 1, "one user, named twice");
    let by_group = UngrantedSudoer { user: "www".to_owned(), named: group("web") };
    assert!(by_group.to_string().contains("%web"), "{by_group}");
}
