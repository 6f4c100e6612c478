//! What a policy takes from whom: logins that were, decided by it as if they came today.

use super::host_accounts::{Accounts, Facts, groups};
use super::past_login::{Credential, PastLogin, united};
use crate::output;
use libtom::decision::{Decision, Denial, Key, Origin, Phase, Reason, Request, decide};
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::policy::{MachineAccess, Policy, Service};
use libtom::public_key::Fingerprint;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// A login that the policy governs, and would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loss {
    /// The login.
    pub(crate) login: PastLogin,
    /// Whose key it is, where the policy knows it.
    pub(crate) holder: Option<String>,
    /// Why it would be refused.
    pub(crate) why: Why,
}

/// Why a login would be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// By a rule.
    Rule(Denial),
    /// It was done without a key of its own, and a governed account is entered with one alone.
    WithoutKey,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(denial) => f.write_str(denial.name()),
            Self::WithoutKey => f.write_str("only a key of the policy counts here"),
        }
    }
}

/// The losses among these logins: live ones first, then by the last time.
pub(crate) fn losses(
    here: &HostPolicy<'_>,
    policy: &Policy,
    logins: &[PastLogin],
    now: Moment,
    accounts: &dyn Accounts,
) -> Vec<Loss> {
    let keys = KnownKeys::of(policy);
    let mut facts = BTreeMap::new();
    let mut found = Vec::new();
    // A live session and its own entry in the journal are one login, once the key is known.
    for login in &united([logins.iter().map(|login| keys.named_by_fingerprint(login)).collect()]) {
        let known = facts.entry(login.account.clone()).or_insert_with(|| Facts::of(&login.account, here, accounts));
        // The account is gone: nobody loses it by a policy.
        let Some(known) = known else { continue };
        let (key, holder) = keys.shown_by(login);
        if let Some(why) = refused(here, login, key, known, now) {
            found.push(Loss { login: login.clone(), holder, why });
        }
    }
    found.sort_by(|a, b| {
        (b.login.live, b.login.last, &a.login.account).cmp(&(a.login.live, a.login.last, &b.login.account))
    });
    found
}

impl Loss {
    /// Would another policy, such as the active one, refuse it as well? Then it is lost already.
    pub(crate) fn is_refused_by(
        &self,
        other: &HostPolicy<'_>,
        policy: &Policy,
        now: Moment,
        accounts: &dyn Accounts,
    ) -> bool {
        !losses(other, policy, std::slice::from_ref(&self.login), now, accounts).is_empty()
    }
}

/// Why a login would be refused; nothing where it is let in, or is none of tom's business.
fn refused(here: &HostPolicy<'_>, login: &PastLogin, key: Shown, facts: &Facts, now: Moment) -> Option<Why> {
    let names = facts.group_names();
    let (phase, key, without_key) = match key {
        Shown::Key(blob) => (Phase::Session, Key::Blob(Cow::Owned(blob)), false),
        Shown::Unknown => (Phase::Session, Key::Unreadable, false),
        Shown::None => (Phase::Session, Key::Missing, false),
        Shown::Another => (Phase::Session, Key::Missing, true),
        // Some key from there: what the account phase asks.
        Shown::NotSeen => (Phase::Account, Key::Missing, false),
    };
    let request = Request {
        account: Some(&login.account),
        uid: facts.uid,
        groups: groups(names.as_ref()),
        origin: Origin::parse(login.from.as_deref().unwrap_or_default()),
        key,
        invoker: login.invoker.as_deref(),
        ..Request::new(phase, &login.service, now)
    };
    let decision = decide(here, &request);
    match (decision.reason(), &decision) {
        (_, Decision::NotGoverned(_)) => None,
        (_, _) if without_key => Some(Why::WithoutKey),
        (Reason::Denied(denial), _) => Some(Why::Rule(denial)),
        (Reason::Granted | Reason::NotGoverned(_), _) => None,
    }
}

/// What a login shows to the rules.
enum Shown {
    /// This key.
    Key(Vec<u8>),
    /// A key that the policy does not know.
    Unknown,
    /// None, and that may be right.
    None,
    /// A password, a certificate: what no rule takes.
    Another,
    /// It is not known what.
    NotSeen,
}

/// The keys of a policy, as records name them.
struct KnownKeys<'p> {
    policy: &'p Policy,
    /// Blob and holder by fingerprint.
    by_fingerprint: BTreeMap<String, (&'p [u8], String)>,
}

impl<'p> KnownKeys<'p> {
    fn of(policy: &'p Policy) -> Self {
        let mut by_fingerprint = BTreeMap::new();
        for key in &policy.keys {
            let holder = crate::policy_source::name_of(policy, key);
            by_fingerprint.insert(Fingerprint::of(key.public.blob()).to_string(), (key.public.blob(), holder));
        }
        for machine in &policy.machines {
            if let MachineAccess::Login { public, .. } = &machine.access {
                let holder = format!("machine {}", machine.id);
                by_fingerprint.insert(Fingerprint::of(public.blob()).to_string(), (public.blob(), holder));
            }
        }
        Self { policy, by_fingerprint }
    }

    /// The login with the fingerprint of its key, where the record says whose key it is and the policy has that.
    fn named_by_fingerprint(&self, login: &PastLogin) -> PastLogin {
        let public = match &login.credential {
            Credential::Labelled { person, label } => {
                let is_theirs = |n: usize| self.policy.persons.get(n).is_some_and(|known| known.id == *person);
                let mut keys = self.policy.keys.iter();
                keys.find(|key| key.label == *label && is_theirs(key.person)).map(|key| &key.public)
            }
            Credential::Machine(id) => {
                let machine = self.policy.machines.iter().find(|machine| machine.id == *id);
                match machine.map(|machine| &machine.access) {
                    Some(MachineAccess::Login { public, .. }) => Some(public),
                    Some(MachineAccess::Sudo { .. }) | None => None,
                }
            }
            Credential::Fingerprint(_)
            | Credential::Certificate
            | Credential::Method(_)
            | Credential::NoKey
            | Credential::Unseen => None,
        };
        let fingerprint = public.map(|public| Fingerprint::of(public.blob()).to_string());
        let credential = fingerprint.map_or_else(|| login.credential.clone(), Credential::Fingerprint);
        PastLogin { credential, ..login.clone() }
    }

    fn shown_by(&self, login: &PastLogin) -> (Shown, Option<String>) {
        match &login.credential {
            Credential::Fingerprint(fingerprint) => match self.by_fingerprint.get(fingerprint) {
                Some((blob, holder)) => (Shown::Key(blob.to_vec()), Some(holder.clone())),
                None => (Shown::Unknown, None),
            },
            // The policy no longer has it: see `named_by_fingerprint`.
            Credential::Labelled { .. } | Credential::Machine(_) => (Shown::Unknown, None),
            Credential::Certificate | Credential::Method(_) => (Shown::Another, None),
            Credential::NoKey => (Shown::None, None),
            Credential::Unseen => (Shown::NotSeen, None),
        }
    }
}

/// A table for people, of at most so many lines. What differs by address alone is one line: a password that was used
/// from everywhere must not push a single lost key out of sight.
pub(crate) fn table(losses: &[Loss], most: usize) -> String {
    if losses.is_empty() {
        return String::new();
    }
    let mut rows: Vec<Row> = Vec::new();
    for loss in losses {
        let row = Row::of(loss);
        match rows.iter_mut().find(|known| known.is_about_the_same(&row)) {
            Some(known) => known.take(row),
            None => rows.push(row),
        }
    }
    let head = ["ACCOUNT", "BY", "FROM", "LAST", "TIMES", "WOULD BE REFUSED"].map(str::to_owned).to_vec();
    let cells = rows.iter().take(most).map(Row::cells);
    let mut text = output::table(&std::iter::once(head).chain(cells).collect::<Vec<_>>());
    let more = rows.len().saturating_sub(most);
    if more > 0 {
        text.push_str(&format!("and {more} more\n"));
    }
    text
}

/// A line of the table.
struct Row {
    account: String,
    by: String,
    /// The first one.
    from: String,
    /// From so many others too.
    others: usize,
    live: bool,
    last: Moment,
    times: u32,
    why: String,
}

impl Row {
    fn of(loss: &Loss) -> Self {
        let login = &loss.login;
        // Who it was then tells more than a fingerprint: the policy may no longer know the key.
        let by = match (&loss.holder, &login.who, &login.credential) {
            (Some(holder), _, _) => holder.clone(),
            (None, Some(who), Credential::Fingerprint(fingerprint)) => format!("{who} ({fingerprint})"),
            (None, Some(who), _) => who.clone(),
            (None, None, credential) => credential.to_string(),
        };
        let account = match (Service::of_pam(&login.service), &login.invoker) {
            (Some(Service::Sshd), _) => login.account.clone(),
            (_, Some(invoker)) => format!("{} by {} from {invoker}", login.account, login.service),
            (_, None) => format!("{} by {}", login.account, login.service),
        };
        let from = login.from.clone().unwrap_or_else(|| "-".to_owned());
        let (live, last, times) = (login.live, login.last, login.times);
        Self { account, by, from, others: 0, live, last, times, why: loss.why.to_string() }
    }

    fn is_about_the_same(&self, other: &Self) -> bool {
        (&self.account, &self.by, &self.why) == (&other.account, &other.by, &other.why)
    }

    fn take(&mut self, other: Self) {
        self.others = self.others.saturating_add(1);
        self.live |= other.live;
        self.last = self.last.max(other.last);
        self.times = self.times.saturating_add(other.times);
    }

    fn cells(&self) -> Vec<String> {
        let from = match self.others {
            0 => self.from.clone(),
            others => format!("{} +{others}", self.from),
        };
        let last = if self.live { "now".to_owned() } else { self.last.to_string().chars().take(10).collect() };
        let times = self.times.to_string();
        [&self.account, &self.by, &from, &last, &times, &self.why].map(|cell| output::plain(cell)).to_vec()
    }
}

#[cfg(test)]
mod tests;
