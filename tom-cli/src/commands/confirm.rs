//! `tom confirm`: the last change stays.

use crate::arguments::{ConfirmOptions, RehearsedPolicy};
use crate::change::candidate::Candidate;
use crate::change::configuration::{self, Mode};
use crate::change::record::{self, Change, Stage};
use crate::change::{self, rehearsal, sshd_lines, timer};
use crate::exit::{Exit, Failure};
use crate::output;
use tom_host::event::{Event, Field, Kind};
use tom_host::sessions::{self, Session};
use tom_host::{clock, journal};

/// Confirms the change that waits: by a person in a session that is newer than it, or by looking again.
pub(crate) fn run(options: &ConfirmOptions) -> Result<Exit, Failure> {
    let turn = change::take_turn()?;
    let Some(change) = Change::pending().map_err(|error| Failure::not_checked(error.to_string()))? else {
        if options.by_check {
            return Ok(Exit::Fine);
        }
        return Err(Failure::findings(vec!["no change waits for a confirmation".to_owned()]));
    };
    if change.stage == Stage::Begun || change.is_overdue() {
        let why = if change.stage == Stage::Begun { "it was interrupted" } else { "its time is over" };
        change::undo(why, &turn)?;
        return Err(Failure::findings(vec![format!("'tom {}' could not be confirmed: {why}", change.command)]));
    }
    if options.by_check && change.look.is_none_or(|look| clock::since_boot_milliseconds() < look) {
        // The alarm of another change, which is over.
        output::message("the change that waits is not to be confirmed by a second look now");
        return Ok(Exit::Fine);
    }
    let by = if options.by_check { look_again(&change)? } else { by_person(&change)? };
    record::confirm().map_err(|error| Failure::not_checked(error.to_string()))?;
    change::settled();
    if !options.by_check {
        timer::disarm(timer::Alarm::LookAgain);
    }
    let message = format!("'tom {}' is confirmed by {by}: policy {}, {}", change.command, change.serials.1, change.to);
    let serial = change.serials.1.to_string();
    journal::record(&Event::new(Kind::ChangeConfirmed, &message).with(Field::PolicySerial, &serial));
    output::data(&format!("{}\n", output::plain(&message)));
    Ok(Exit::Fine)
}

/// Whoever confirms has come in by what was changed.
fn by_person(change: &Change) -> Result<String, Failure> {
    let advice = "log in anew, beside this session, and run 'tom confirm' there (not in tmux or screen, nor over a \
                  connection that was open before)";
    let logins =
        logins().map_err(|error| Failure::not_checked(format!("which session this is cannot be told: {error}")))?;
    if logins.is_empty() {
        return Err(Failure::findings(vec![format!("this session was not let in by tom: {advice}")]));
    }
    let newer: Vec<&Session> = logins.iter().filter(|login| login.process.started >= change.made).collect();
    if newer.is_empty() {
        return Err(Failure::findings(vec![format!("this session is older than the change: {advice}")]));
    }
    let person = newer.iter().find_map(|login| login.person.clone());
    person.ok_or_else(|| Failure::findings(vec![format!("a machine cannot confirm: {advice}")]))
}

/// The logins that this process descends from. What su and sudo opened within an old one proves no new way in.
fn logins() -> Result<Vec<Session>, sessions::SessionsError> {
    let lineage = sessions::lineage()?;
    let mut logins = sessions::live()?;
    logins
        .retain(|session| lineage.contains(&session.process) && ["sshd", "login"].contains(&session.service.as_str()));
    Ok(logins)
}

/// Without a person: the whole way of a login is tried again, on the host as it is now.
fn look_again(change: &Change) -> Result<String, Failure> {
    let candidate = Candidate::active()?;
    if candidate.policy.serial != change.serials.1 {
        return Err(Failure::findings(vec!["the active policy is not the one that waits".to_owned()]));
    }
    if configuration::mode() != change.to {
        return Err(Failure::findings(vec!["tom's lines are not as the change put them".to_owned()]));
    }
    if change.to == Mode::NotEnabled {
        // Lines that others have written: what the hook says to them can be looked at.
        let mut findings = Vec::new();
        rehearsal::ask_the_hook(&candidate, &mut findings)?;
        sshd_lines::answers().map_err(|error| Failure::findings(vec![error.to_string()]))?;
        return if findings.is_empty() {
            Ok("a second look (--unattended)".to_owned())
        } else {
            Err(Failure::findings(findings))
        };
    }
    let rehearsed = rehearsal::rehearse(change.to, RehearsedPolicy::Active, &candidate.source)?;
    // What is rehearsed must be what is there: nothing had to be changed for it.
    if let Some((_, path)) = rehearsed.changes.first() {
        return Err(Failure::findings(vec![format!("{path} is not as the change put it")]));
    }
    sshd_lines::answers().map_err(|error| Failure::findings(vec![error.to_string()]))?;
    Ok("a second look (--unattended)".to_owned())
}
