//! Changes of what decides logins on this host: each is checked, rehearsed, kept undoable, made, and confirmed.
//!
//! 1. [`candidate`]: the policy is read and checked.
//! 2. [`lockout`]: who could no longer log in.
//! 3. [`rehearsal`]: a real login with the change made, in namespaces of its own.
//! 4. [`record`], [`snapshot`]: what is there now is kept; from here on the change can be undone.
//! 5. [`timer`]: what will undo it is set.
//! 6. The policy is exchanged, [`configuration`] is put in place, sshd is told.
//! 7. It waits for `tom confirm` from a new login. Whatever ends it before, everything comes back.

pub(crate) mod candidate;
pub(crate) mod configuration;
pub(crate) mod file;
mod forecast;
pub(crate) mod left_keys;
pub(crate) mod pam_lines;
pub(crate) mod record;
pub(crate) mod rehearsal;
pub(crate) mod renewal;
pub(crate) mod snapshot;
pub(crate) mod sshd_lines;
pub(crate) mod timer;
mod undo;

use crate::arguments::{ChangeOptions, RehearsedPolicy};
use crate::exit::{Exit, Failure};
use crate::lockout;
use crate::output::{self, Paint};
use candidate::Candidate;
use configuration::{Mode, Reload};
use record::{Change, Stage};
use std::time::{Duration, Instant};
use tom_host::active_policy::{self, ExchangeError, Turn};
use tom_host::event::{Event, Field, Kind};
use tom_host::{accounts, clock, journal};

pub(crate) use undo::undo;

/// How long a command waits for another that is at work.
const PATIENCE: Duration = Duration::from_secs(30);
/// The unit in which the start of a process is told (sysconf(3), _SC_CLK_TCK: 100 on every Debian).
const TICK: Duration = Duration::from_millis(10);
/// When `--unattended` looks again, in seconds after the change.
const SECOND_LOOK: u32 = 60;

/// What shall be changed.
pub(crate) struct Goal {
    /// The command, for records and events.
    pub(crate) command: &'static str,
    pub(crate) to: Mode,
    pub(crate) policy: RehearsedPolicy,
    pub(crate) candidate: Candidate,
}

/// Carries a change out, up to waiting for its confirmation.
pub(crate) fn carry_out(goal: &Goal, options: &ChangeOptions, turn: &Turn) -> Result<Exit, Failure> {
    let from = configuration::mode();
    // Only what decides logins, or will, can lock anybody out.
    let decides = from == Mode::Enforce || goal.to == Mode::Enforce;
    let invoker = check_lockout(goal, options, decides)?;
    if from == Mode::Enforce && goal.to != Mode::Enforce {
        // sshd goes by the users' own files again.
        crate::commands::disable::refuse_lockout("while tom observes", options.allow_lockout)?;
    }
    let rehearsed = if goal.to == Mode::NotEnabled { None } else { rehearse(goal, options)? };
    show(goal, rehearsed.as_ref());
    if options.dry_run {
        output::message("nothing was changed (--dry-run)");
        return Ok(Exit::Fine);
    }
    let asked = decides || configuration::asks_tom();
    if goal.to != Mode::Enforce && from == goal.to && (options.now || !asked) {
        // The exchange is one step by itself: there is nothing in between to come back from.
        goal.candidate.exchange(turn)?;
        announce(goal, from);
        if !asked {
            output::message("nothing on this host is decided by tom yet ('tom enable'): this needs no confirmation");
        }
        return Ok(Exit::Fine);
    }
    // Where tom only looks on, no session is known to be let in by it, and the users' own keys are seen to be there.
    let waits = !options.now && asked && goal.to != Mode::Observe;
    let mut change = begun(goal, from, invoker, options);
    change.begin().map_err(|error| Failure::not_checked(format!("nothing was changed: {error}")))?;
    if let Err(error) = timer::arm(timer::Alarm::Undo, u64::from(options.confirm_within)) {
        let _ = record::forget();
        return Err(Failure::not_checked(format!("nothing was changed: what would undo it cannot be set: {error}")));
    }
    let made = make(goal, turn).and_then(|()| {
        record::remember_made().map_err(|error| Failure::not_checked(error.to_string()))?;
        change.stage = Stage::Made;
        // The first tick in which a session is newer than the change.
        change.made = clock::since_boot_milliseconds().div_ceil(10);
        change.look = options.unattended.then(|| {
            let look = u64::from(second_look(options)).saturating_mul(1000);
            clock::since_boot_milliseconds().saturating_add(look)
        });
        change.update().map_err(|error| Failure::not_checked(error.to_string()))?;
        // Whoever logs in once this returns is in that tick or a later one.
        std::thread::sleep(TICK);
        Ok(())
    });
    if let Err(failure) = made {
        return Err(taken_back(failure, turn));
    }
    announce(goal, from);
    if waits {
        wait_for_confirmation(&change, options, turn)
    } else {
        record::confirm().map_err(|error| taken_back(Failure::not_checked(error.to_string()), turn))?;
        settled();
        Ok(Exit::Fine)
    }
}

/// After a confirmation: nothing undoes the change any more, and what an earlier removal left behind is not needed.
pub(crate) fn settled() {
    timer::disarm(timer::Alarm::Undo);
    if configuration::mode() == Mode::Enforce
        && let Err(error) = left_keys::clear(Reload::Yes)
    {
        output::message(&format!("warning: {error}"));
    }
}

/// The turn, once another command that is at work has ended.
pub(crate) fn take_turn() -> Result<Turn, Failure> {
    let started = Instant::now();
    loop {
        match active_policy::take_turn() {
            Err(ExchangeError::Busy) if started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(50)),
            result => return result.map_err(|error| no_turn(&error)),
        }
    }
}

/// Why the turn could not be had. Without root none of its files can be reached, whatever the system calls that.
pub(crate) fn no_turn(error: &ExchangeError) -> Failure {
    let advice = if accounts::effective_uid() == 0 { "" } else { "; run it as root" };
    Failure::not_checked(format!("{error}{advice}"))
}

/// Before a change is thought about: one that waits is in its way, and one that was interrupted is undone, so that what
/// is read afterwards is what stays.
pub(crate) fn settle_what_waits(turn: &Turn) -> Result<(), Failure> {
    match Change::pending() {
        Ok(None) => Ok(()),
        Ok(Some(change)) if change.stage == Stage::Made && !change.is_overdue() => {
            Err(Failure::findings(vec![format!(
                "'tom {}' waits for its confirmation, {} seconds more: 'tom confirm' from a new login, or 'tom rollback'",
                change.command,
                change.seconds_left()
            )]))
        }
        // It was interrupted, or nobody came: it is undone first.
        Ok(Some(_)) => undo("it was interrupted, or not confirmed in time", turn),
        Err(error) => Err(Failure::not_checked(format!("{error}; 'tom rollback' undoes the change that waits"))),
    }
}

/// Who changes it. Refuses what would lock out the invoker, or leave fewer than two.
fn check_lockout(goal: &Goal, options: &ChangeOptions, decides: bool) -> Result<Option<String>, Failure> {
    let candidate = &goal.candidate;
    let here = candidate.here()?;
    let mut findings = Vec::new();
    let mut invoker = None;
    if decides {
        findings.extend(
            lockout::host_is_listed(&candidate.policy, &candidate.host.id).err().map(|error| error.to_string()),
        );
        match lockout::invoker(options.person.as_deref(), &candidate.policy) {
            Ok(found) => invoker = Some(found),
            // Automation is nobody; a later change, made by root at a console, has had a person before it.
            Err(lockout::InvokerError::Unknown | lockout::InvokerError::Machine { .. })
                if options.unattended || options.dry_run => {}
            Err(lockout::InvokerError::Unknown) if goal.command != "enable" => {
                output::message(
                    "warning: who runs this is not known (--as PERSON says it), so nobody looks whether you could still log in",
                );
            }
            Err(error) => findings.push(error.to_string()),
        }
        let lockouts = lockout::check(&here, &candidate.policy, candidate.now, invoker.as_ref());
        findings.extend(lockouts.iter().map(ToString::to_string));
    } else {
        let persons = lockout::who_could_log_in(&here, &candidate.policy, candidate.now);
        match persons.as_slice() {
            [] => findings.push(
                "nobody could log in by SSH on this host under this policy: 'tom explain' says why for each person"
                    .to_owned(),
            ),
            [only] => output::message(&format!(
                "warning: '{}' is the only person who could log in by SSH under this policy",
                only.person
            )),
            _ => {}
        }
    }
    for warning in lockout::doubtful_addresses(&here, &candidate.policy) {
        output::message(&format!("warning: {warning}"));
    }
    if decides || configuration::asks_tom() {
        forecast::tell_losses(&here, &candidate.policy, candidate.now);
        forecast::tell_ungranted_sudoers(&here, &candidate.policy, candidate.now);
    }
    let person = invoker.map(|invoker| invoker.person);
    if findings.is_empty() {
        return Ok(person);
    }
    if !options.allow_lockout {
        findings.push("nothing was changed; --allow-lockout goes on all the same".to_owned());
        return Err(Failure::findings(findings));
    }
    for finding in &findings {
        output::message(&format!("warning: {}", output::plain_lines(finding)));
    }
    let alarm = format!("'tom {}' goes on with --allow-lockout although: {}", goal.command, findings.join("; "));
    journal::record(&Event::new(Kind::LockoutAllowed, &alarm).with(Field::Host, &candidate.host.id));
    Ok(person)
}

fn rehearse(goal: &Goal, options: &ChangeOptions) -> Result<Option<rehearsal::Rehearsed>, Failure> {
    match rehearsal::rehearse(goal.to, goal.policy, &goal.candidate.source) {
        Ok(rehearsed) => Ok(Some(rehearsed)),
        Err(failure) if options.allow_lockout => {
            for message in failure.messages() {
                output::message(&format!("warning: {}", output::plain_lines(message)));
            }
            let alarm =
                format!("'tom {}' goes on with --allow-lockout: {}", goal.command, failure.messages().join("; "));
            journal::record(&Event::new(Kind::LockoutAllowed, &alarm).with(Field::Host, &goal.candidate.host.id));
            Ok(None)
        }
        Err(failure) => Err(failure),
    }
}

/// What will change, and for whom.
fn show(goal: &Goal, rehearsed: Option<&rehearsal::Rehearsed>) {
    let paint = Paint::for_stdout();
    let Some(rehearsed) = rehearsed else { return };
    let heading = match goal.to {
        Mode::Enforce => "enforce: logins of these are decided by tom",
        Mode::Observe | Mode::NotEnabled => "OBSERVE: decided and logged, nothing is refused",
    };
    let mut text = format!("{}\n", paint.bold(heading));
    if let Ok(here) = goal.candidate.here()
        && let Ok(governed) = sshd_lines::Governed::of(&here)
    {
        text.push_str(&format!("  accounts  {}\n", governed.users.join(", ")));
        text.push_str(&format!("  groups    {}\n", governed.groups.join(", ")));
        let persons = lockout::who_could_log_in(&here, &goal.candidate.policy, goal.candidate.now);
        let names: Vec<&str> = persons.iter().map(|person| person.person.as_str()).collect();
        text.push_str(&format!("  by SSH    {}\n", names.join(", ")));
    }
    if rehearsed.changes.is_empty() {
        text.push_str("  files     none changes\n");
    }
    for (number, (sign, path)) in rehearsed.changes.iter().enumerate() {
        let label = if number == 0 { "files" } else { "" };
        let what = match sign {
            '+' => "new",
            '-' => "gone",
            _ => "changed",
        };
        text.push_str(&format!("  {label:<9} {path} ({what})\n"));
    }
    for passed in &rehearsed.passed {
        text.push_str(&format!("  {:<9} {passed}\n", "rehearsed"));
    }
    output::data(&text);
}

fn begun(goal: &Goal, from: Mode, person: Option<String>, options: &ChangeOptions) -> Change {
    let wait = u64::from(options.confirm_within).saturating_mul(1000);
    Change {
        command: goal.command.to_owned(),
        from,
        to: goal.to,
        serials: (active_policy::with_policy(|active, _| active.serial()), goal.candidate.policy.serial),
        person,
        stage: Stage::Begun,
        at: clock::now(),
        boot: record::boot_id(),
        made: 0,
        deadline: clock::since_boot_milliseconds().saturating_add(wait),
        look: None,
    }
}

/// The change itself. A policy of hosts that are set up by hand is exchanged, and their lines are theirs.
fn make(goal: &Goal, turn: &Turn) -> Result<(), Failure> {
    let answered = sshd_lines::is_installed() && sshd_lines::answers().is_ok();
    if goal.to != Mode::NotEnabled {
        programs_are_there()?;
    }
    goal.candidate.exchange(turn)?;
    if goal.to == Mode::NotEnabled {
        return Ok(());
    }
    let here = goal.candidate.here()?;
    let failed = |error: configuration::ConfigurationError| Failure::not_checked(error.to_string());
    configuration::put_in_place(goal.to, &here, Reload::Yes, turn).map_err(failed)?;
    if answered { sshd_lines::answers_again().map_err(failed) } else { Ok(()) }
}

/// Lines must not name what is gone: the package may have been removed while the change was rehearsed.
fn programs_are_there() -> Result<(), Failure> {
    for path in [sshd_lines::HOOK.to_owned(), format!("{}/pam_tom.so", pam_lines::modules())] {
        if !std::path::Path::new(&path).is_file() {
            return Err(Failure::not_checked(format!("{path} is missing: install the package again")));
        }
    }
    Ok(())
}

/// A change that failed, or could not be written down, is undone at once.
pub(crate) fn taken_back(failure: Failure, turn: &Turn) -> Failure {
    let mut messages = failure.messages().to_vec();
    match undo(&messages.join("; "), turn) {
        Ok(()) => messages.push("everything is as it was before".to_owned()),
        Err(error) => messages.extend(error.messages().iter().cloned()),
    }
    Failure::not_checked(messages.join("; "))
}

fn announce(goal: &Goal, from: Mode) {
    let candidate = &goal.candidate;
    let serial = candidate.policy.serial.to_string();
    let message = format!("policy {serial} of {} is active on {}", candidate.policy.operator, candidate.host.id);
    let with = |event: Event| event.with(Field::Host, &candidate.host.id).with(Field::PolicySerial, &serial);
    journal::record(&with(Event::new(Kind::PolicyApplied, &message)));
    output::data(&format!("{message}\n"));
    if goal.to != from {
        let message = format!("tom on {}: {}", candidate.host.id, goal.to);
        journal::record(&with(Event::new(Kind::Enabled, &message)));
    }
    if goal.to != Mode::NotEnabled {
        output::data(&format!("{}\n", goal.to));
    }
}

fn second_look(options: &ChangeOptions) -> u32 {
    SECOND_LOOK.min(options.confirm_within / 2)
}

fn wait_for_confirmation(change: &Change, options: &ChangeOptions, turn: &Turn) -> Result<Exit, Failure> {
    let minutes = options.confirm_within.div_ceil(60);
    if options.unattended {
        let look = second_look(options);
        timer::arm(timer::Alarm::LookAgain, u64::from(look)).map_err(|error| {
            taken_back(Failure::not_checked(format!("the second look cannot be set: {error}")), turn)
        })?;
        output::message(&format!(
            "a second look in {look} seconds confirms it; otherwise everything becomes as it was within {minutes} minutes"
        ));
        return Ok(Exit::Fine);
    }
    output::message(&format!(
        "this waits for its confirmation: within {minutes} minutes log in anew, beside this session, and run 'tom confirm'"
    ));
    output::message(&format!("otherwise everything becomes as it was before ({} seconds left)", change.seconds_left()));
    Ok(Exit::Fine)
}
