//! Who runs this command: the person who must not lock out themselves.
//!
//! This guards against a mistake, not against an attack: whoever runs `tom apply` is root.

use super::processes::{self, Environment};
use libtom::policy::Policy;
use thiserror::Error;

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

/// Who runs this command: whose login it runs in, else who is named.
pub(crate) fn invoker(as_person: Option<&str>, policy: &Policy) -> Result<Invoker, InvokerError> {
    let above: Vec<Environment> = processes::self_and_ancestors().iter().map(processes::Process::environment).collect();
    judge(&above, as_person, policy)
}

/// The same, of environments, nearest first.
fn judge(above: &[Environment], as_person: Option<&str>, policy: &Policy) -> Result<Invoker, InvokerError> {
    // What a nearer process has was passed on to it, or is of a later login: su or ssh from one account to another.
    let from = above.iter().find_map(Environment::client).map(str::to_owned);
    let login = above.iter().find_map(|environment| {
        let (person, machine) = (environment.get("TOM_PERSON"), environment.get("TOM_MACHINE"));
        (person.is_some() || machine.is_some()).then_some((person, machine))
    });
    match (login, as_person) {
        (Some((Some(session), _)), Some(said)) if session != said => {
            Err(InvokerError::Differs { said: said.to_owned(), session: session.to_owned() })
        }
        (Some((Some(session), _)), _) => Ok(Invoker { person: session.to_owned(), by: KnownBy::Environment, from }),
        (_, Some(said)) if policy.persons.iter().any(|person| person.id == said) => {
            Ok(Invoker { person: said.to_owned(), by: KnownBy::Said, from })
        }
        (_, Some(said)) => {
            let ids: Vec<String> = policy.persons.iter().map(|person| person.id.clone()).collect();
            Err(InvokerError::NoSuchPerson { said: said.to_owned(), known: super::lock_out::list(&ids) })
        }
        (Some((None, Some(machine))), None) => Err(InvokerError::Machine { machine: machine.to_owned() }),
        (Some((None, None)) | None, None) => Err(InvokerError::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lockout::example;

    const SHELL: &[&str] =
        &["USER=root", "SSH_CONNECTION=203.0.113.5 4 198.51.100.1 22", "TOM_PERSON=anna", "TOM_MACHINE="];

    fn asked(above: &[&[&str]], said: Option<&str>) -> Result<Invoker, InvokerError> {
        let above: Vec<Environment> = above.iter().map(|variables| Environment::of(variables)).collect();
        judge(&above, said, &example::policy(example::POLICY))
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
}
