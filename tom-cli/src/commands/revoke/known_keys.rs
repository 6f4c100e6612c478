//! Which keys are meant: by person, label, fingerprint or file, in whatever of the policy can still be read.

use crate::exit::Failure;
use crate::policy_source::{self, CANDIDATE};
use libtom::host_policy::{HostPolicy, stored};
use libtom::policy::{self, MachineAccess, Policy};
use libtom::public_key::{Fingerprint, PublicKey};
use std::collections::BTreeSet;
use std::path::Path;
use tom_host::active_policy::{self, FALLBACK, LARGEST_POLICY, RESOLVED, SOURCE};
use tom_host::trusted_file;

/// Whose key it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    Person { id: String, label: String },
    Machine { id: String },
    Nobody,
}

/// A key, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct KnownKey {
    pub(crate) public: PublicKey,
    holder: Holder,
}

impl KnownKey {
    pub(crate) fn fingerprint(&self) -> String {
        Fingerprint::of(self.public.blob()).to_string()
    }

    pub(crate) fn person(&self) -> Option<&str> {
        match &self.holder {
            Holder::Person { id, .. } => Some(id),
            Holder::Machine { .. } | Holder::Nobody => None,
        }
    }

    pub(crate) fn label(&self) -> Option<&str> {
        match &self.holder {
            Holder::Person { label, .. } => Some(label),
            Holder::Machine { .. } | Holder::Nobody => None,
        }
    }

    pub(crate) fn machine(&self) -> Option<&str> {
        match &self.holder {
            Holder::Machine { id } => Some(id),
            Holder::Person { .. } | Holder::Nobody => None,
        }
    }

    /// For people.
    pub(crate) fn title(&self) -> String {
        let whose = match &self.holder {
            Holder::Person { id, label } => format!("{id}'s key '{label}'"),
            Holder::Machine { id } => format!("the key of machine {id}"),
            Holder::Nobody => "a key of nobody in the policy".to_owned(),
        };
        format!("{whose} ({})", self.fingerprint())
    }

    /// For the list.
    pub(crate) fn name_in_list(&self) -> String {
        match &self.holder {
            Holder::Person { id, label } => format!("{id}:{label}"),
            Holder::Machine { id } => id.clone(),
            Holder::Nobody => "unknown".to_owned(),
        }
    }

    fn is_of(&self, id: &str) -> bool {
        [self.person(), self.machine()].contains(&Some(id))
    }
}

/// One place that names keys.
#[derive(Debug)]
struct Source {
    name: &'static str,
    keys: Vec<KnownKey>,
}

/// All keys that can be found, place by place.
#[derive(Debug)]
pub(crate) struct KnownKeys {
    /// What logins go by; nothing where it cannot be read.
    active: Option<Source>,
    candidate: Option<Source>,
    fallback: Option<Source>,
    listed: Source,
    /// The candidate, for where its entries stand.
    pub(crate) policy: Option<Policy>,
}

impl KnownKeys {
    /// Reads what can be read. What cannot is passed over: a lost token must be out.
    pub(crate) fn gather() -> Self {
        let text = active_policy::read_from_active(SOURCE).ok().and_then(parse);
        let resolved = active_policy::read_from_active(RESOLVED).ok().and_then(|bytes| stored_keys(&bytes));
        let active = match (text.as_ref().map(keys_of), resolved) {
            (None, None) => None,
            // What logins go by counts, also where the text beside it is another; the text has the better order.
            (text, resolved) => Some(joined(text.into_iter().chain(resolved).flatten())),
        };
        let policy = trusted_file::read(Path::new(CANDIDATE), LARGEST_POLICY).ok().and_then(parse);
        let fallback = trusted_file::read(Path::new(FALLBACK), LARGEST_POLICY).ok();
        let source = |name: &'static str| move |keys| Source { name, keys };
        let nobodys =
            |blob: Vec<u8>| Some(KnownKey { public: PublicKey::from_blob(&blob).ok()?, holder: Holder::Nobody });
        let listed = active_policy::listed_as_revoked().into_iter().filter_map(nobodys).collect();
        Self {
            active: active.map(source("the active policy")),
            candidate: policy.as_ref().map(keys_of).map(source("the candidate")),
            fallback: fallback.and_then(|bytes| stored_keys(&bytes)).map(source("the fallback")),
            listed: source("the list of revoked keys")(listed),
            policy,
        }
    }

    /// The keys that `whom` means: all of a person or machine, one by its label, fingerprint or file.
    pub(crate) fn find(&self, whom: &str) -> Result<Vec<KnownKey>, Failure> {
        if whom.starts_with("SHA256:") {
            let wanted = whom.trim_end_matches('=');
            return self.first(|key| key.fingerprint() == wanted).map(|key| vec![key]).ok_or_else(|| {
                self.not_found(&format!("no key with the fingerprint {wanted}; a file with the key would do"))
            });
        }
        if is_id(whom) {
            return self.of_holder(whom);
        }
        match whom.split_once(':') {
            Some((person, label)) if is_id(person) && !label.is_empty() && !label.contains('/') => {
                self.by_label(person, label).map(|key| vec![key])
            }
            _ => self.in_file(Path::new(whom)).map(|key| vec![key]),
        }
    }

    /// Keys of `id` that the candidate has and the active policy lacks.
    pub(crate) fn to_come(&self, id: &str) -> Vec<&KnownKey> {
        let (Some(active), Some(candidate)) = (&self.active, &self.candidate) else { return Vec::new() };
        let is_new = |key: &&KnownKey| key.is_of(id) && active.keys.iter().all(|known| known.public != key.public);
        candidate.keys.iter().filter(is_new).collect()
    }

    fn of_holder(&self, id: &str) -> Result<Vec<KnownKey>, Failure> {
        // The fallback has but some of anybody's keys: with it one could believe that all are out.
        let Some(source) = self.active.as_ref().or(self.candidate.as_ref()) else {
            return Err(Failure::not_checked(format!(
                "neither the active policy nor {CANDIDATE} can be read, so that the keys of '{id}' are not known; \
                 name them one by one, by fingerprint (SHA256:…) or file"
            )));
        };
        let keys: Vec<KnownKey> = source.keys.iter().filter(|key| key.is_of(id)).cloned().collect();
        if keys.is_empty() {
            let name = source.name;
            return Err(self.not_found(&format!(
                "{name} has no key of a person or machine '{id}' (a file of that name is ./{id})"
            )));
        }
        if self.active.is_none() {
            crate::output::message(&format!("warning: the active policy cannot be read: going by {}", source.name));
        }
        Ok(keys)
    }

    fn by_label(&self, person: &str, label: &str) -> Result<KnownKey, Failure> {
        self.first(|key| key.person() == Some(person) && key.label() == Some(label)).ok_or_else(|| {
            let sources = self.sources().flat_map(|source| &source.keys);
            let labels: BTreeSet<&str> = sources.filter(|key| key.is_of(person)).filter_map(KnownKey::label).collect();
            let labels = Vec::from_iter(labels);
            self.not_found(&if labels.is_empty() {
                format!("no key of a person '{person}'")
            } else {
                format!("no key '{label}' of {person}'s, but: {}", labels.join(", "))
            })
        })
    }

    fn in_file(&self, path: &Path) -> Result<KnownKey, Failure> {
        let bytes = policy_source::read_bounded(path)?;
        let text = String::from_utf8_lossy(&bytes);
        let mut lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else {
            let advice = "one line, TYPE BASE64, as in a .pub file (not the private key)";
            return Err(Failure::not_checked(format!("{}: this is no public key: {advice}", path.display())));
        };
        let public = PublicKey::parse(line)
            .map_err(|error| Failure::not_checked(format!("{}: this {error}", path.display())))?;
        // A key that nobody has is taken out as well: whose it is may not be readable any more.
        Ok(self.first(|key| key.public == public).unwrap_or(KnownKey { public, holder: Holder::Nobody }))
    }

    fn sources(&self) -> impl Iterator<Item = &Source> {
        [&self.active, &self.candidate, &self.fallback].into_iter().flatten().chain([&self.listed])
    }

    fn first(&self, is_wanted: impl Fn(&KnownKey) -> bool) -> Option<KnownKey> {
        self.sources().flat_map(|source| &source.keys).find(|key| is_wanted(key)).cloned()
    }

    fn not_found(&self, what: &str) -> Failure {
        let read: Vec<&str> = self.sources().map(|source| source.name).collect();
        Failure::not_checked(format!("{what}; looked in {}", read.join(", ")))
    }
}

/// An id of a person or machine, as policies write it.
fn is_id(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| first.is_ascii_lowercase())
        && text.len() <= 32
        && characters.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn parse(bytes: Vec<u8>) -> Option<Policy> {
    policy::parse(&String::from_utf8(bytes).ok()?).ok()
}

fn keys_of(policy: &Policy) -> Vec<KnownKey> {
    let persons = policy.keys.iter().filter_map(|key| {
        let id = policy.persons.get(key.person)?.id.clone();
        Some(KnownKey { public: key.public.clone(), holder: Holder::Person { id, label: key.label.clone() } })
    });
    let machines = policy.machines.iter().filter_map(|machine| match &machine.access {
        MachineAccess::Login { public, .. } => {
            Some(KnownKey { public: public.clone(), holder: Holder::Machine { id: machine.id.clone() } })
        }
        MachineAccess::Sudo { .. } => None,
    });
    persons.chain(machines).collect()
}

fn stored_keys(bytes: &[u8]) -> Option<Vec<KnownKey>> {
    let (policy, _) = stored::decode(bytes).ok()?;
    Some(policy.keys().iter().filter_map(|key| known(&policy, key.blob, key.label)).collect())
}

fn known(policy: &HostPolicy<'_>, blob: &[u8], label: &str) -> Option<KnownKey> {
    let holder = match (policy.person_with(blob), policy.holder_of(blob)) {
        (Some(id), _) => Holder::Person { id: id.to_owned(), label: label.to_owned() },
        (None, Some(id)) => Holder::Machine { id: id.to_owned() },
        (None, None) => Holder::Nobody,
    };
    Some(KnownKey { public: PublicKey::from_blob(blob).ok()?, holder })
}

/// Each key once; whose it is by the first that knows.
fn joined(keys: impl Iterator<Item = KnownKey>) -> Vec<KnownKey> {
    let mut list: Vec<KnownKey> = Vec::new();
    for key in keys {
        match list.iter_mut().find(|known| known.public == key.public) {
            None => list.push(key),
            Some(known) if known.holder == Holder::Nobody => known.holder = key.holder,
            Some(_) => {}
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::is_id;

    #[test]
    fn an_id_is_no_file() {
        for id in ["anna", "a", "nightly-backup", "b2"] {
            assert!(is_id(id), "{id}");
        }
        for other in ["", "anna.pub", "./anna", "Anna", "2b", "-a", "anna:blue", "SHA256:x", "änna", &"a".repeat(33)] {
            assert!(!is_id(other), "{other}");
        }
    }
}
