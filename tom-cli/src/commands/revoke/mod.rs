//! `tom revoke`: a lost token is out on this host, at once; and what is to be done beside.

mod known_keys;
mod lasting;
mod open_sessions;
mod who_is_left;

use crate::arguments::RevokeOptions;
use crate::change;
use crate::exit::{Exit, Failure};
use crate::output;
use known_keys::{KnownKey, KnownKeys};
use libtom::moment::Moment;
use libtom::policy::is_invisible;
use tom_host::active_policy::{self, Revised, Revocation, Turn};
use tom_host::event::{Event, Field, Kind};
use tom_host::{accounts, clock, host_identity, journal, sessions};

/// The user whose group reads what logins read.
const READERS: &str = "_tom";
/// The longest reason that goes into the list and the journal.
const LONGEST_REASON: usize = 200;

/// Takes keys out, or lets them count again.
pub(crate) fn run(options: &RevokeOptions) -> Result<Exit, Failure> {
    let host = host_identity::read().map_or_else(|_| "this host".to_owned(), |host| host.id);
    // A lost token must be out: another run is waited for.
    let turn = change::take_turn()?;
    let known = KnownKeys::gather();
    let keys = known.find(&options.whom)?;
    let who = Actor::read(options.reason.as_deref(), host);
    if options.undo {
        let exit = lift(&keys, &who, &turn)?;
        drop(turn);
        who_is_left::warn();
        return Ok(exit);
    }
    let exit = revoke(&keys, &who, &turn)?;
    // Whoever waits for the turn need not wait for sessions to end.
    drop(turn);
    output::data(&lasting::advice(&keys, &known));
    who_is_left::warn();
    let sessions = open_sessions::deal_with(&keys, options, &who)?;
    Ok(if exit == Exit::Fine { sessions } else { exit })
}

/// Who does it, where, and why.
#[derive(Debug)]
pub(crate) struct Actor {
    host: String,
    /// The person whose session this is, if it is one.
    person: Option<String>,
    reason: Option<String>,
}

impl Actor {
    fn read(reason: Option<&str>, host: String) -> Self {
        let person = sessions::ancestor_session().ok().flatten().and_then(|session| session.person);
        let one_line = |text: &str| {
            let plain: String = text.chars().map(|c| if c.is_control() || is_invisible(c) { ' ' } else { c }).collect();
            plain.trim().chars().take(LONGEST_REASON).collect::<String>()
        };
        Self { host, person, reason: reason.map(one_line).filter(|reason| !reason.is_empty()) }
    }

    /// ` by anna: lost on the train`, as far as it is known.
    fn because(&self) -> String {
        let by = self.person.as_ref().map(|person| format!(" by {person}")).unwrap_or_default();
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{by}{reason}")
    }

    fn event(&self, kind: Kind, message: &str, key: &KnownKey) -> Event {
        Event::new(kind, message)
            .with(Field::Host, &self.host)
            .with(Field::KeyFingerprint, &key.fingerprint())
            .with_known(Field::Person, key.person())
            .with_known(Field::Key, key.label())
            .with_known(Field::Machine, key.machine())
    }
}

/// Where there is no such group, nobody but root reads it, and sshd gets no key at all.
fn readers() -> u32 {
    accounts::look_up(READERS).map(|account| account.gid).unwrap_or_else(|error| {
        output::message(&format!(
            "warning: the user {READERS} cannot be found ({error}): its hook takes no key at all"
        ));
        0
    })
}

fn revoke(keys: &[KnownKey], who: &Actor, turn: &Turn) -> Result<Exit, Failure> {
    let now = Moment::from_unix(clock::now());
    let revocations: Vec<Revocation> = keys
        .iter()
        .map(|key| Revocation {
            key: key.public.clone(),
            remark: format!("{} revoked {now}{}", key.name_in_list(), who.because()),
        })
        .collect();
    let revised = active_policy::revoke(&revocations, readers(), turn);
    if let (Some(error), [false, false]) = (&revised.list, &revised.copies) {
        return Err(Failure::not_checked(format!("NOT REVOKED: {error}{}", advice_on(&revised))));
    }
    for key in keys {
        let before = revised.unchanged.iter().any(|blob| blob == key.public.blob());
        let (state, since) =
            if before { ("was revoked already", "") } else { ("is revoked", ", from the next login on") };
        output::data(&output::plain_lines(&format!("{} {state} on {}{since}\n", key.title(), who.host)));
        if !before {
            let message = format!("{} was revoked on {}{}", key.title(), who.host, who.because());
            journal::record(&who.event(Kind::KeyRevoked, &message, key));
        }
    }
    Ok(tell_faults(&revised))
}

fn lift(keys: &[KnownKey], who: &Actor, turn: &Turn) -> Result<Exit, Failure> {
    let blobs: Vec<Vec<u8>> = keys.iter().map(|key| key.public.blob().to_vec()).collect();
    let revised = active_policy::lift(&blobs, readers(), turn)
        .map_err(|error| Failure::not_checked(format!("nothing was lifted: {error}; put the list in order first")))?;
    for key in keys {
        let nothing = revised.unchanged.iter().any(|blob| blob == key.public.blob());
        let state = if nothing { "was not revoked" } else { "counts again" };
        output::data(&output::plain_lines(&format!("{} {state} on {}\n", key.title(), who.host)));
        if !nothing {
            let message = format!("the revocation of {} was lifted on {}{}", key.title(), who.host, who.because());
            journal::record(&who.event(Kind::RevocationLifted, &message, key));
        }
    }
    Ok(tell_faults(&revised))
}

fn tell_faults(revised: &Revised) -> Exit {
    for warning in &revised.warnings {
        output::message(&format!("warning: {warning}; 'tom apply' writes it anew"));
    }
    if let Some(error) = &revised.list {
        output::message(&format!(
            "{error}: the key is out by the copies in the active policy alone, until the next 'tom apply'{}",
            advice_on(revised)
        ));
        return Exit::NotChecked;
    }
    if revised.fault.is_some() {
        output::message(&format!("warning: the list of revoked keys was damaged before{}", advice_on(revised)));
        return Exit::Findings;
    }
    Exit::Fine
}

/// What to do about a list that cannot be used: until then it is an unusable policy.
fn advice_on(revised: &Revised) -> String {
    let Some(fault) = &revised.fault else { return String::new() };
    format!(
        ": {fault}. Only break-glass keys get in until it is in order. Correct or take out the line, or for a wrong \
         owner or mode see what is missing, then: chown root:{READERS} /var/lib/tom/revoked; chmod 640 /var/lib/tom/revoked"
    )
}

/// For `tom access`: which keys are out here. Nothing where that cannot be read, as on the workstation of
/// who writes policies.
pub(crate) fn revoked_here() -> impl Fn(&[u8]) -> bool {
    let listed = active_policy::revoked().unwrap_or_default();
    let copied: Vec<Vec<u8>> = active_policy::with_policy(|policy, _| {
        policy.keys().iter().filter(|key| policy.is_revoked(key.blob)).map(|key| key.blob.to_vec()).collect()
    });
    move |blob| listed.iter().chain(&copied).any(|revoked| revoked == blob)
}
