//! A login that was, or that still is: what the records of a host say of it.

use libtom::moment::Moment;
use std::collections::BTreeMap;
use std::fmt;

/// Logins that a new policy would decide alike: same account, service, key and address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PastLogin {
    /// The account entered.
    pub(crate) account: String,
    /// sshd, login, su or sudo.
    pub(crate) service: String,
    /// Who called su or sudo.
    pub(crate) invoker: Option<String>,
    /// The client's address, as the record says it.
    pub(crate) from: Option<String>,
    /// How it was done.
    pub(crate) credential: Credential,
    /// Who it was, as tom said then.
    pub(crate) who: Option<String>,
    /// How often, as far as is known.
    pub(crate) times: u32,
    /// When last.
    pub(crate) last: Moment,
    /// It goes on now.
    pub(crate) live: bool,
}

/// How a login was done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Credential {
    /// With the key of this fingerprint (`SHA256:…`).
    Fingerprint(String),
    /// With the key of this person that had this label then.
    Labelled {
        /// The person's id.
        person: String,
        /// The key's label.
        label: String,
    },
    /// By a machine, with its key.
    Machine(String),
    /// With a certificate, signed by an authority that tom never asks.
    Certificate,
    /// By a method without a key: password, keyboard-interactive, gssapi-with-mic …
    Method(String),
    /// By sudo, where no key was asked for.
    NoKey,
    /// The record does not say.
    Unseen,
}

impl fmt::Display for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fingerprint(fingerprint) => f.write_str(fingerprint),
            Self::Labelled { person, label } => write!(f, "{person}'s key '{label}'"),
            Self::Machine(machine) => write!(f, "machine {machine}"),
            Self::Certificate => f.write_str("a certificate"),
            Self::Method(method) => f.write_str(method),
            Self::NoKey => f.write_str("no key"),
            Self::Unseen => f.write_str("not known"),
        }
    }
}

/// What makes logins alike.
type Alike = (String, String, Option<String>, Option<String>, Credential);

impl PastLogin {
    fn alike(&self) -> Alike {
        let Self { account, service, invoker, from, credential, .. } = self;
        (account.clone(), service.clone(), invoker.clone(), from.clone(), credential.clone())
    }

    /// Takes over what another record of such logins knows.
    fn learn(&mut self, other: Self) {
        self.last = self.last.max(other.last);
        self.live |= other.live;
        self.who = self.who.take().or(other.who);
    }
}

/// One entry for logins that are alike, of one record: they are counted.
pub(crate) fn counted(logins: impl IntoIterator<Item = PastLogin>) -> Vec<PastLogin> {
    merged(logins, u32::saturating_add)
}

/// One entry for logins that are alike, of several records: each record may have seen the same ones.
pub(crate) fn united(records: impl IntoIterator<Item = Vec<PastLogin>>) -> Vec<PastLogin> {
    merged(records.into_iter().flatten(), u32::max)
}

fn merged(logins: impl IntoIterator<Item = PastLogin>, times: impl Fn(u32, u32) -> u32) -> Vec<PastLogin> {
    let mut by_likeness: BTreeMap<Alike, PastLogin> = BTreeMap::new();
    for login in logins {
        match by_likeness.get_mut(&login.alike()) {
            Some(known) => {
                known.times = times(known.times, login.times);
                known.learn(login);
            }
            None => {
                by_likeness.insert(login.alike(), login);
            }
        }
    }
    by_likeness.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(account: &str, last: i64, who: Option<&str>) -> PastLogin {
        PastLogin {
            account: account.to_owned(),
            service: "sshd".to_owned(),
            invoker: None,
            from: Some("192.0.2.1".to_owned()),
            credential: Credential::Fingerprint("SHA256:x".to_owned()),
            who: who.map(str::to_owned),
            times: 1,
            last: Moment::from_unix(last),
            live: false,
        }
    }

    #[test]
    fn one_record_counts_and_two_records_agree() {
        let record = counted([login("root", 5, None), login("root", 9, None), login("anna", 1, None)]);
        assert_eq!(
            record.iter().map(|login| (login.account.as_str(), login.times)).collect::<Vec<_>>(),
            [("anna", 1), ("root", 2)]
        );
        assert_eq!(record[1].last, Moment::from_unix(9));
        let other = counted([login("root", 8, Some("anna's key 'blue'"))]);
        let both = united([record, other]);
        assert_eq!(both.len(), 2);
        assert_eq!((both[1].times, both[1].last), (2, Moment::from_unix(9)), "the same login in two records is one");
        assert_eq!(both[1].who.as_deref(), Some("anna's key 'blue'"));
    }
}
