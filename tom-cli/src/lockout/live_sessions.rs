//! Logins by SSH that go on now: children of sshd, as /proc shows them. A session without a process of its own
//! (`ssh -N`, sftp inside sshd) is not among them.

use super::past_login::{Credential, PastLogin, counted};
use super::processes::{self, Environment, Process};
use libtom::moment::Moment;
use std::collections::{BTreeMap, BTreeSet};
use tom_host::accounts::{Database, LookupError};
use tom_host::clock;

/// Logins that go on now.
///
/// # Errors
/// Accounts cannot be looked up: processes know their owners by number alone.
pub(crate) fn live_sessions() -> Result<Vec<PastLogin>, LookupError> {
    let all = processes::all();
    let of_sshd: BTreeSet<u32> =
        all.iter().filter(|process| is_sshd_by_name(process)).map(|process| process.pid).collect();
    let sessions: Vec<(u32, Environment)> = all
        .iter()
        .filter(|process| of_sshd.contains(&process.parent) && !of_sshd.contains(&process.pid))
        .filter(|process| Process::read(process.parent).is_some_and(|parent| parent.runs_sshd()))
        .filter(|process| process.is_of_this_host())
        .filter_map(|process| Some((process.real_uid()?, process.environment())))
        .collect();
    if sessions.is_empty() {
        return Ok(Vec::new());
    }
    let names = names_by_uid(&Database::read_all()?);
    let now = Moment::from_unix(clock::now());
    Ok(counted(sessions.iter().filter_map(|(uid, environment)| session(*uid, environment, &names, now))))
}

/// Asked first, because it costs nothing: the program is asked of these alone.
fn is_sshd_by_name(process: &Process) -> bool {
    matches!(process.name.as_str(), "sshd" | "sshd-session")
}

fn names_by_uid(database: &Database) -> BTreeMap<u32, Vec<String>> {
    let mut names: BTreeMap<u32, Vec<String>> = BTreeMap::new();
    for account in &database.accounts {
        names.entry(account.uid).or_default().push(account.name.clone());
    }
    names
}

/// What sshd started for a login; nothing where sshd says of no client, as with what it starts for itself. The
/// environment is the user's own, so that the uid counts; of several names with it the one that sshd said.
fn session(uid: u32, environment: &Environment, names: &BTreeMap<u32, Vec<String>>, now: Moment) -> Option<PastLogin> {
    let from = environment.client()?;
    let names = names.get(&uid)?;
    let said = environment.get("USER").filter(|said| names.iter().any(|name| name == said));
    let account = said.or_else(|| names.first().map(String::as_str))?;
    let credential = match (environment.get("TOM_PERSON"), environment.get("TOM_KEY"), environment.get("TOM_MACHINE")) {
        (Some(person), Some(label), _) => Credential::Labelled { person: person.to_owned(), label: label.to_owned() },
        (None, None, Some(machine)) => Credential::Machine(machine.to_owned()),
        _ => Credential::Unseen,
    };
    Some(PastLogin {
        account: account.to_owned(),
        service: "sshd".to_owned(),
        invoker: None,
        from: Some(from.to_owned()),
        credential,
        who: None,
        times: 1,
        last: now,
        live: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_uid_counts_and_not_what_the_environment_says() {
        let names = BTreeMap::from([(0, vec!["root".to_owned(), "toor".to_owned()]), (3001, vec!["acme".to_owned()])]);
        let now = Moment::from_unix(1_795_600_000);
        let read = |uid: u32, variables: &[&str]| session(uid, &Environment::of(variables), &names, now);
        let client = "SSH_CONNECTION=203.0.113.5 4 198.51.100.1 22";
        let account = |uid: u32, user: &str| read(uid, &[client, user]).map(|login| login.account);
        assert_eq!(account(0, "USER=toor").as_deref(), Some("toor"));
        assert_eq!(account(0, "USER=acme").as_deref(), Some("root"));
        assert_eq!(account(3001, "USER=root").as_deref(), Some("acme"));
        assert_eq!(account(3002, "USER=root"), None);
        assert_eq!(read(0, &["USER=root"]), None, "no client");
        let credential = |variables: &[&str]| read(0, &[&[client], variables].concat()).unwrap().credential;
        assert_eq!(
            credential(&["TOM_PERSON=anna", "TOM_KEY=blue", "TOM_MACHINE="]),
            Credential::Labelled { person: "anna".to_owned(), label: "blue".to_owned() }
        );
        assert_eq!(
            credential(&["TOM_PERSON=", "TOM_KEY=", "TOM_MACHINE=deploy"]),
            Credential::Machine("deploy".to_owned())
        );
        assert_eq!(credential(&["TOM_PERSON=anna"]), Credential::Unseen);
        assert_eq!(credential(&[]), Credential::Unseen);
    }
}
