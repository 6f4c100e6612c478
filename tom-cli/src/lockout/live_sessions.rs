//! Logins that go on now: what pam_tom put on record, and children of sshd that it did not, as before the first
//! `tom enable`. Of the latter a session without a process of its own (`ssh -N`, sftp inside sshd) is not seen.

use super::past_login::{Credential, PastLogin, counted};
use super::processes::{self, Environment, Process};
use libtom::moment::Moment;
use libtom::policy::Service;
use std::collections::{BTreeMap, BTreeSet};
use tom_host::accounts::{Database, LookupError};
use tom_host::clock;
use tom_host::sessions::{self, Session};

/// Logins that go on now.
///
/// # Errors
/// Accounts cannot be looked up: processes know their owners by number alone.
pub(crate) fn live_sessions() -> Result<Vec<PastLogin>, LookupError> {
    let now = Moment::from_unix(clock::now());
    let all = processes::all();
    // Where the record cannot be read the processes are there all the same.
    let on_record = sessions::live().unwrap_or_default();
    let recorded: BTreeSet<u32> = on_record.iter().map(|session| session.process.pid).collect();
    let unrecorded = of_sshd(&all).into_iter().filter(|process| !descends_from(process.pid, &recorded, &all));
    let found: Vec<(u32, Environment)> =
        unrecorded.filter_map(|process| Some((process.real_uid()?, process.environment()))).collect();
    let mut logins: Vec<PastLogin> = on_record.into_iter().filter_map(|session| of_record(session, now)).collect();
    if !found.is_empty() {
        let names = names_by_uid(&Database::read_all()?);
        logins.extend(found.iter().filter_map(|(uid, environment)| of_process(*uid, environment, &names, now)));
    }
    Ok(counted(logins))
}

/// What pam_tom put on record; nothing where the record names no key that a policy could know, and of su and sudo,
/// whose caller it does not name: they go on in a login that is on record itself.
fn of_record(session: Session, now: Moment) -> Option<PastLogin> {
    if Service::of_pam(&session.service).is_none_or(Service::has_caller) {
        return None;
    }
    let credential = Credential::Fingerprint(session.key_fingerprint?);
    let who = match (session.person, session.key_label, session.machine) {
        (Some(person), Some(label), _) => Some(format!("{person}'s key '{label}'")),
        (_, _, Some(machine)) => Some(format!("machine {machine}")),
        _ => None,
    };
    Some(PastLogin {
        account: session.account,
        service: session.service,
        invoker: None,
        from: session.from,
        credential,
        who,
        times: 1,
        last: now,
        live: true,
    })
}

/// What sshd started, but for what is sshd itself.
fn of_sshd(all: &[Process]) -> Vec<&Process> {
    let by_name: BTreeSet<u32> =
        all.iter().filter(|process| is_sshd_by_name(process)).map(|process| process.pid).collect();
    all.iter()
        .filter(|process| by_name.contains(&process.parent) && !by_name.contains(&process.pid))
        .filter(|process| Process::read(process.parent).is_some_and(|parent| parent.runs_sshd()))
        .filter(|process| process.is_of_this_host())
        .collect()
}

fn descends_from(pid: u32, ancestors: &BTreeSet<u32>, all: &[Process]) -> bool {
    let parents: BTreeMap<u32, u32> = all.iter().map(|process| (process.pid, process.parent)).collect();
    let line = std::iter::successors(Some(pid), |pid| parents.get(pid).copied());
    // Each process once: a listing that was not taken at one moment may go in a circle.
    line.take(all.len()).any(|pid| ancestors.contains(&pid))
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
fn of_process(
    uid: u32,
    environment: &Environment,
    names: &BTreeMap<u32, Vec<String>>,
    now: Moment,
) -> Option<PastLogin> {
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
        let read = |uid: u32, variables: &[&str]| of_process(uid, &Environment::of(variables), &names, now);
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

    #[test]
    fn what_descends_from_a_session_on_record_is_not_counted_again() {
        let process = |pid: u32, parent: u32| Process { pid, parent, name: String::new() };
        let all = [process(1, 0), process(7, 1), process(8, 7), process(9, 8), process(20, 21), process(21, 20)];
        let recorded = BTreeSet::from([7]);
        let inside: Vec<u32> =
            [1, 7, 8, 9, 20, 30].into_iter().filter(|pid| descends_from(*pid, &recorded, &all)).collect();
        assert_eq!(inside, [7, 8, 9]);
    }

    #[test]
    fn what_is_on_record() {
        let session = Session {
            process: sessions::Process { pid: 7, started: 1 },
            person: Some("anna".to_owned()),
            key_label: Some("blue".to_owned()),
            key_fingerprint: Some("SHA256:x".to_owned()),
            machine: None,
            account: "root".to_owned(),
            service: "sshd".to_owned(),
            from: Some("203.0.113.5".to_owned()),
            opened: 1,
        };
        let now = Moment::from_unix(1_795_600_000);
        let login = of_record(session.clone(), now).unwrap();
        assert_eq!((login.account.as_str(), login.from.as_deref(), login.live), ("root", Some("203.0.113.5"), true));
        assert_eq!(login.credential, Credential::Fingerprint("SHA256:x".to_owned()));
        assert_eq!(login.who.as_deref(), Some("anna's key 'blue'"));
        let without_key = Session { key_fingerprint: None, ..session.clone() };
        assert_eq!(of_record(without_key, now), None);
        for service in ["su", "su-l", "sudo", "sudo-i", "ftp"] {
            assert_eq!(of_record(Session { service: service.to_owned(), ..session.clone() }, now), None, "{service}");
        }
    }
}
