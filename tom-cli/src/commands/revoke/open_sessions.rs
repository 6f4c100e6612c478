//! The sessions that were opened with revoked keys: listed, and ended when that is asked for.

use super::Actor;
use super::known_keys::KnownKey;
use crate::arguments::RevokeOptions;
use crate::exit::{Exit, Failure};
use crate::output;
use libtom::moment::Moment;
use tom_host::event::{Event, Field, Kind};
use tom_host::sessions::{self, Session, Survey};
use tom_host::{interrupts, journal};

/// Lists them, and ends them if so asked.
pub(crate) fn deal_with(keys: &[KnownKey], options: &RevokeOptions, who: &Actor) -> Result<Exit, Failure> {
    let Survey { live, unreadable } =
        sessions::survey().map_err(|error| Failure::not_checked(format!("open sessions cannot be listed: {error}")))?;
    for error in &unreadable {
        output::message(&output::plain(&format!("warning: {error}; sessions may be missing here, see 'who' and 'ps'")));
    }
    let (theirs, others): (Vec<Session>, Vec<Session>) =
        live.into_iter().partition(|session| keys.iter().any(|key| is_opened_with(session, key)));
    if theirs.is_empty() {
        output::data("\nNo session on record was opened with it.\n");
        return Ok(if unreadable.is_empty() { Exit::Fine } else { Exit::Findings });
    }
    output::data(&format!("\nOpened with it, and still open:\n{}", table(&theirs)));
    if options.end_sessions {
        return end(theirs, others, who);
    }
    output::data(&output::plain_lines(&format!(
        "They stay open. 'tom revoke {} --end-sessions' ends them, and no others.\n",
        options.whom
    )));
    Ok(Exit::Fine)
}

/// By the key itself; where the service knew none, by who it was.
fn is_opened_with(session: &Session, key: &KnownKey) -> bool {
    match &session.key_fingerprint {
        Some(fingerprint) => *fingerprint == key.fingerprint(),
        None => {
            let same_machine = session.machine.is_some() && session.machine.as_deref() == key.machine();
            let same_person = session.person.is_some() && session.person.as_deref() == key.person();
            same_machine || (same_person && session.key_label.as_deref() == key.label())
        }
    }
}

fn table(sessions: &[Session]) -> String {
    let titles = ["WHO", "KEY", "ACCOUNT", "BY", "FROM", "SINCE", "PROCESS"];
    let mut rows = vec![titles.map(str::to_owned).to_vec()];
    for session in sessions {
        let who = session.person.as_deref().or(session.machine.as_deref()).unwrap_or("?");
        let row = [
            who,
            session.key_label.as_deref().unwrap_or("-"),
            &session.account,
            &session.service,
            session.from.as_deref().unwrap_or("this host"),
            &Moment::from_unix(session.opened).to_string(),
            &session.process.pid.to_string(),
        ];
        rows.push(row.iter().map(|cell| output::plain(cell)).collect());
    }
    output::table(&rows)
}

/// Ends them. The one that this command runs in is left, so that whoever runs it sees what happened; if it is
/// the last, it is ended too.
fn end(theirs: Vec<Session>, others: Vec<Session>, who: &Actor) -> Result<Exit, Failure> {
    let lineage = sessions::lineage()
        .map_err(|error| Failure::not_checked(format!("no session was ended, own or other cannot be told: {error}")))?;
    let is_own = |session: &Session| lineage.contains(&session.process);
    let (own, ended): (Vec<Session>, Vec<Session>) = theirs.into_iter().partition(is_own);
    let mut exit = Exit::Fine;
    if ended.is_empty() {
        output::message("this ends your own session, the last one with that key");
        // The terminal goes first.
        interrupts::outlive();
        for session in &own {
            exit = worse(exit, end_one(session, &others, who));
        }
        return Ok(exit);
    }
    let spared: Vec<Session> = others.into_iter().chain(own.iter().cloned()).collect();
    for session in &ended {
        exit = worse(exit, end_one(session, &spared, who));
    }
    output::message("what had detached itself from them (tmux, nohup, a daemon) is not known, and goes on: see ps");
    for session in &own {
        output::message(&format!(
            "process {} is left open: you would end your own session. Run it once more to end that, the last one",
            session.process.pid
        ));
        exit = worse(exit, Exit::Findings);
    }
    Ok(exit)
}

const fn worse(one: Exit, other: Exit) -> Exit {
    match (one, other) {
        (Exit::Fine, other) => other,
        (one, _) => one,
    }
}

fn end_one(session: &Session, spared: &[Session], who: &Actor) -> Exit {
    let name = session.person.as_deref().or(session.machine.as_deref()).unwrap_or("?");
    let whose = format!("the session of {name} as {} (process {})", session.account, session.process.pid);
    let (kind_of_end, exit) = match sessions::end(session, spared) {
        Ok(ended) if ended.left.is_empty() => (format!("ended, {} processes", ended.processes), Exit::Fine),
        Ok(ended) => {
            let left: Vec<String> = ended.left.iter().map(|process| process.pid.to_string()).collect();
            (format!("NOT ended: processes {} go on", left.join(", ")), Exit::Findings)
        }
        Err(error) => (format!("NOT ended: {error}"), Exit::NotChecked),
    };
    output::message(&output::plain(&format!("{whose}: {kind_of_end}")));
    let event = Event::new(Kind::SessionsEnded, &format!("{whose}: {kind_of_end}{}", who.because()))
        .with(Field::Host, &who.host)
        .with(Field::Account, &session.account)
        .with(Field::Service, &session.service)
        .with_known(Field::Person, session.person.as_deref())
        .with_known(Field::Key, session.key_label.as_deref())
        .with_known(Field::KeyFingerprint, session.key_fingerprint.as_deref())
        .with_known(Field::Machine, session.machine.as_deref())
        .with_known(Field::From, session.from.as_deref());
    journal::record(&event);
    exit
}
