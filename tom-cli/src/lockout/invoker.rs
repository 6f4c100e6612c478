//! Who runs this command: the person who must not lock out themselves.
//!
//! This guards against a mistake, not against an attack: whoever runs `tom apply` is root.

use super::processes::{self, Environment};
use libtom::policy::Policy;
use thiserror::Error;
use tom_host::sessions::{self, Session};

/// Who runs this command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invoker {
    /// The person's id.
    pub(crate) person: String,
    /// How that is known.
    pub(crate) by: KnownBy,
    /// The client's address, where there is one; as sshd said it.
    pub(crate) from: Option<String>,
}

/// How it is known who runs this command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KnownBy {
    /// The session on record that this command descends from.
    Session,
    /// The environment of the login that this command was started in.
    Environment,
    /// `--as PERSON`.
    Said,
}

/// Why it is not known who runs this command.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum InvokerError {
    /// Nobody has come in by token, and nobody is named.
    #[error("it is not known who you are: no login with a token is above this command; say --as PERSON")]
    Unknown,
    /// A machine has come in.
    #[error("this runs in a login of the machine '{machine}', which is no person: say --as PERSON, or --unattended")]
    Machine {
        /// Its id.
        machine: String,
    },
    /// The login is another person's.
    #[error("--as names '{said}', but you have come in as '{session}': leave --as out")]
    Differs {
        /// Who is named.
        said: String,
        /// Whose login it is.
        session: String,
    },
    /// Whoever is named is nobody.
    #[error("--as names '{said}', and the policy has no such person; it knows {known}")]
    NoSuchPerson {
        /// Who is named.
        said: String,
        /// Who is in the policy.
        known: String,
    },
}

/// Who runs this command: whose session it runs in, else whose login its environment tells of, else who is named.
pub(crate) fn invoker(as_person: Option<&str>, policy: &Policy) -> Result<Invoker, InvokerError> {
    let above: Vec<Environment> = processes::self_and_ancestors().iter().map(processes::Process::environment).collect();
    // A record that cannot be read is no reason to stop: the environment says the same.
    let session = sessions::ancestor_session().ok().flatten();
    judge(session.as_ref(), &above, as_person, policy)
}

/// The same, of environments, nearest first.
fn judge(
    session: Option<&Session>,
    above: &[Environment],
    as_person: Option<&str>,
    policy: &Policy,
) -> Result<Invoker, InvokerError> {
    // What a nearer process has was passed on to it, or is of a later login: ssh from one account to another.
    let client = above.iter().find_map(Environment::client);
    let from = client.or_else(|| session?.from.as_deref()).map(str::to_owned);
    match (login_above(session, above), as_person) {
        (Some((Principal::Person(person), _)), Some(said)) if person != said => {
            Err(InvokerError::Differs { said: said.to_owned(), session: person.to_owned() })
        }
        (Some((Principal::Person(person), by)), _) => Ok(Invoker { person: person.to_owned(), by, from }),
        (_, Some(said)) if policy.persons.iter().any(|person| person.id == said) => {
            Ok(Invoker { person: said.to_owned(), by: KnownBy::Said, from })
        }
        (_, Some(said)) => {
            let ids: Vec<String> = policy.persons.iter().map(|person| person.id.clone()).collect();
            Err(InvokerError::NoSuchPerson { said: said.to_owned(), known: super::lock_out::list(&ids) })
        }
        (Some((Principal::Machine(machine), _)), None) => Err(InvokerError::Machine { machine: machine.to_owned() }),
        (None, None) => Err(InvokerError::Unknown),
    }
}

/// Who has come in.
enum Principal<'s> {
    Person(&'s str),
    Machine(&'s str),
}

impl<'s> Principal<'s> {
    fn of(person: Option<&'s str>, machine: Option<&'s str>) -> Option<Self> {
        person.map(Self::Person).or_else(|| machine.map(Self::Machine))
    }
}

/// Whose login this runs in: what is on record is pam_tom's word, an environment is the user's.
fn login_above<'s>(session: Option<&'s Session>, above: &'s [Environment]) -> Option<(Principal<'s>, KnownBy)> {
    let on_record = session.and_then(|session| Principal::of(session.person.as_deref(), session.machine.as_deref()));
    let in_environment = || above.iter().find_map(|one| Principal::of(one.get("TOM_PERSON"), one.get("TOM_MACHINE")));
    on_record
        .map(|principal| (principal, KnownBy::Session))
        .or_else(|| in_environment().map(|principal| (principal, KnownBy::Environment)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockout::example;

    const SHELL: &[&str] =
        &["USER=root", "SSH_CONNECTION=203.0.113.5 4 198.51.100.1 22", "TOM_PERSON=anna", "TOM_MACHINE="];

    fn asked(above: &[&[&str]], said: Option<&str>) -> Result<Invoker, InvokerError> {
        asked_in(None, above, said)
    }

    fn asked_in(session: Option<&Session>, above: &[&[&str]], said: Option<&str>) -> Result<Invoker, InvokerError> {
        let above: Vec<Environment> = above.iter().map(|variables| Environment::of(variables)).collect();
        judge(session, &above, said, &example::policy(example::POLICY))
    }

    fn anna(by: KnownBy, from: Option<&str>) -> Invoker {
        Invoker { person: "anna".to_owned(), by, from: from.map(str::to_owned) }
    }

    #[test]
    fn whose_login_it_is() {
        let by_login = anna(KnownBy::Environment, Some("203.0.113.5"));
        assert_eq!(asked(&[SHELL], None), Ok(by_login.clone()));
        // sudo keeps nothing of it; the shell that called sudo has it.
        assert_eq!(asked(&[&["SUDO_USER=anna"], &[], SHELL], None), Ok(by_login.clone()));
        assert_eq!(asked(&[SHELL], Some("anna")), Ok(by_login));
        // The nearest counts: bert's login from this host, below anna's.
        let second: &[&str] = &["SSH_CONNECTION=127.0.0.1 5 127.0.0.1 22", "TOM_PERSON=bert"];
        let invoker = asked(&[second, SHELL], None).unwrap();
        assert_eq!((invoker.person.as_str(), invoker.from.as_deref()), ("bert", Some("127.0.0.1")));
    }

    #[test]
    fn where_no_login_says_it() {
        let plain: &[&str] = &["SSH_CONNECTION=203.0.113.5 4 198.51.100.1 22"];
        assert_eq!(asked(&[plain], None), Err(InvokerError::Unknown));
        assert_eq!(asked(&[], None), Err(InvokerError::Unknown));
        assert_eq!(asked(&[plain], Some("anna")), Ok(anna(KnownBy::Said, Some("203.0.113.5"))));
        assert_eq!(asked(&[], Some("anna")), Ok(anna(KnownBy::Said, None)), "at a console");
        let error = asked(&[plain], Some("ana")).unwrap_err().to_string();
        assert_eq!(error, "--as names 'ana', and the policy has no such person; it knows 'anna', 'bert' and 'carl'");
    }

    #[test]
    fn a_machine_is_no_person_and_another_person_is_another() {
        let machine: &[&str] = &["TOM_PERSON=", "TOM_MACHINE=deploy"];
        assert_eq!(asked(&[machine, SHELL], None), Err(InvokerError::Machine { machine: "deploy".to_owned() }));
        assert_eq!(asked(&[machine], Some("anna")), Ok(anna(KnownBy::Said, None)));
        let error = asked(&[SHELL], Some("bert")).unwrap_err();
        assert_eq!(error, InvokerError::Differs { said: "bert".to_owned(), session: "anna".to_owned() });
        assert!(error.to_string().contains("'bert'") && error.to_string().contains("'anna'"));
        // Who has come in is told of even where the new policy does not know that person.
        assert_eq!(asked(&[&["TOM_PERSON=zoe"]], None).unwrap().person, "zoe");
    }

    #[test]
    fn what_is_on_record_counts_before_an_environment() {
        let mut session = Session {
            process: tom_host::sessions::Process { pid: 7, started: 1 },
            person: Some("bert".to_owned()),
            key_label: Some("red".to_owned()),
            key_fingerprint: None,
            machine: None,
            account: "bert".to_owned(),
            service: "sshd".to_owned(),
            from: Some("203.0.113.9".to_owned()),
            opened: 0,
        };
        let bert =
            |from: &str| Invoker { person: "bert".to_owned(), by: KnownBy::Session, from: Some(from.to_owned()) };
        assert_eq!(asked_in(Some(&session), &[&[]], None), Ok(bert("203.0.113.9")));
        assert_eq!(asked_in(Some(&session), &[SHELL], None), Ok(bert("203.0.113.5")));
        assert!(matches!(asked_in(Some(&session), &[SHELL], Some("anna")), Err(InvokerError::Differs { .. })));
        (session.person, session.machine) = (None, Some("deploy".to_owned()));
        assert!(matches!(asked_in(Some(&session), &[SHELL], None), Err(InvokerError::Machine { .. })));
    }
}
