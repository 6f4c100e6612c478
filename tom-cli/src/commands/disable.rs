//! `tom disable`: nothing of this host's sshd and PAM asks tom any more.

use crate::arguments::DisableOptions;
use crate::change::configuration::{self, Mode, Reload};
use crate::change::record::{self, Change, RecordError, Stage};
use crate::change::{self, file, left_keys, pam_lines, sshd_lines, timer};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::process;
use libtom::moment::Moment;
use libtom::public_key::PublicKey;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tom_host::active_policy::{self, Turn};
use tom_host::event::{Event, Kind};
use tom_host::{clock, journal};

/// When one that was interrupted is undone, in seconds.
const UNDONE_AFTER: u64 = 120;

/// Takes tom's lines out: PAM's first, then sshd's. Whatever ends it before its end, they come back.
pub(crate) fn run(options: &DisableOptions) -> Result<Exit, Failure> {
    if options.for_removal {
        return Ok(for_removal());
    }
    let turn = change::take_turn()?;
    if !matches!(Change::pending(), Ok(None)) {
        change::undo("'tom disable' was called", &turn)?;
    }
    let mode = configuration::mode();
    // Where tom decides nothing its keys are not what sshd shall read.
    let leaves_keys = options.leave_keys && enforces(mode);
    // What an earlier removal left may be the only way in, too.
    let leaves_way_in = leaves_keys || options.leave_keys && left_keys::are_left();
    if (enforces(mode) || left_keys::are_left()) && !leaves_way_in {
        refuse_lockout("without tom", options.allow_lockout)?;
    }
    let not_begun = |error: RecordError| Failure::not_checked(format!("nothing was changed: {error}"));
    begun(mode).begin().map_err(not_begun)?;
    if let Err(error) = timer::arm(timer::Alarm::Undo, UNDONE_AFTER) {
        output::message(&format!("warning: if this is interrupted, only the host's next start undoes it: {error}"));
    }
    let done = if leaves_keys {
        leave(Some(&turn))
    } else {
        configuration::take_out(Reload::Yes, Some(&turn)).map_err(|error| error.to_string())
    };
    done.and_then(|()| record::confirm().map_err(|error| error.to_string()))
        .map_err(|error| change::taken_back(Failure::not_checked(error), &turn))?;
    if !leaves_way_in {
        left_keys::clear(Reload::Yes)
            .map_err(|error| Failure::not_checked(format!("{error}; run 'tom disable' again")))?;
    }
    timer::disarm(timer::Alarm::Undo);
    announce(mode);
    Ok(Exit::Fine)
}

fn begun(mode: Mode) -> Change {
    let serial = active_policy::with_policy(|active, _| active.serial());
    let wait = UNDONE_AFTER.saturating_mul(1000);
    Change {
        command: "disable".to_owned(),
        from: mode,
        to: Mode::NotEnabled,
        serials: (serial, serial),
        person: None,
        stage: Stage::Begun,
        at: clock::now(),
        boot: record::boot_id(),
        made: 0,
        deadline: clock::since_boot_milliseconds().saturating_add(wait),
        look: None,
    }
}

/// Does tom decide who gets in by SSH, also where the mark of an enabled host is lost, or its lines were written by hand?
fn enforces(mode: Mode) -> bool {
    mode == Mode::Enforce || sshd_lines::names_the_hook()
}

/// The policy lets nobody in by SSH.
fn leaves_nobody() -> bool {
    active_policy::with_policy(|here, _| left_keys::lines(here, now())).is_empty()
}

fn now() -> Moment {
    Moment::from_unix(clock::now())
}

/// The package goes. Whatever fails is told, and one thing alone stops it: that nobody would be left. What stays behind
/// is taken out by the package's own script.
fn for_removal() -> Exit {
    let turn = change::take_turn().map_err(Failure::report).ok();
    let mut waits = !matches!(Change::pending(), Ok(None));
    if waits && let Some(turn) = &turn {
        // What nobody has confirmed must not stay for good, with nothing left that would undo it.
        waits = change::undo("the package is being removed", turn).map_err(Failure::report).is_err();
    }
    let mode = configuration::mode();
    if enforces(mode) && sshd_lines::is_installed() && own_key_files().is_empty() && leaves_nobody() {
        output::message(
            "no key could be left behind for sshd (no policy, or none that lets anybody in), and no account that tom \
             governs has keys in ~/.ssh/authorized_keys: nobody could log in by SSH as an administrator. 'tom doctor' \
             says what is wrong; 'tom disable --allow-lockout' goes on all the same",
        );
        return Exit::Findings;
    }
    let take_out = || configuration::take_out(Reload::Yes, turn.as_ref()).map_err(|error| error.to_string());
    // Without an sshd there is nobody to read keys.
    let done = if enforces(mode) && sshd_lines::is_installed() {
        leave(turn.as_ref()).or_else(|error| {
            output::message(&format!("the policy's keys could not be left behind: {error}"));
            take_out()
        })
    } else {
        take_out()
    };
    if waits {
        // What was there before it is no longer what shall come back.
        let _ = record::forget();
        timer::disarm(timer::Alarm::Undo);
        timer::disarm(timer::Alarm::LookAgain);
    }
    match done {
        Ok(()) => announce(mode),
        Err(error) => output::message(&format!("not everything of tom could be taken out: {error}")),
    }
    Exit::Fine
}

/// PAM no longer asks tom, and sshd reads the policy's keys as plain lines.
fn leave(turn: Option<&Turn>) -> Result<(), String> {
    pam_lines::take_out(turn).map_err(|error| error.to_string())?;
    // By what logins are decided by, also where that is all that is left of a policy.
    active_policy::with_policy(|here, _| left_keys::leave(here, now())).map_err(|error| error.to_string())?;
    output::message(&format!(
        "the policy's keys stay behind for sshd in {}: {} says so, and how to end that",
        left_keys::DIRECTORY,
        sshd_lines::DROP_IN
    ));
    file::remove(Path::new(configuration::ENABLED)).map_err(|error| error.to_string())
}

fn announce(mode: Mode) {
    if mode == Mode::NotEnabled {
        output::message("nothing here asked tom");
        return;
    }
    journal::record(&Event::new(Kind::Disabled, "sshd and PAM of this host no longer ask tom"));
    output::data("sshd and PAM of this host no longer ask tom\n");
}

/// Without tom the users' own files count again. Where there are none, nobody is left.
pub(crate) fn refuse_lockout(without: &str, allow_lockout: bool) -> Result<(), Failure> {
    let ways: Vec<String> = own_key_files().iter().map(|path| path.display().to_string()).collect();
    if !ways.is_empty() {
        output::message(&format!("these count again: {}", output::plain(&ways.join(", "))));
        return Ok(());
    }
    let what = format!(
        "{without} nobody could log in by SSH as an administrator: no account that tom governs has keys in \
         ~/.ssh/authorized_keys"
    );
    if allow_lockout {
        output::message(&format!("warning: {what}"));
        journal::record(&Event::new(Kind::LockoutAllowed, &format!("--allow-lockout goes on although {what}")));
        return Ok(());
    }
    Err(Failure::findings(vec![format!(
        "{what}; 'tom disable --leave-keys' leaves the policy's keys behind for sshd, --allow-lockout goes on all the same"
    )]))
}

/// Files with at least one key, of the governed accounts.
fn own_key_files() -> Vec<PathBuf> {
    let accounts = tom_host::active_policy::with_policy(|here, _| sshd_lines::Governed::of(here));
    let mut users = accounts.map(|governed| governed.users).unwrap_or_default();
    users.push("root".to_owned());
    users.sort_unstable();
    users.dedup();
    let mut files = Vec::new();
    for user in users {
        let Ok(ran) = process::run("/usr/bin/getent", ["passwd", &user], Duration::from_secs(10)) else { continue };
        let Some(home) = ran.stdout.trim_end().split(':').nth(5) else { continue };
        for name in [".ssh/authorized_keys", ".ssh/authorized_keys2"] {
            let path = Path::new(home).join(name);
            if std::fs::read(&path).is_ok_and(|text| holds_key(&String::from_utf8_lossy(&text))) {
                files.push(path);
            }
        }
    }
    files
}

fn holds_key(text: &str) -> bool {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.windows(2).any(|pair| matches!(pair, [kind, blob] if PublicKey::parse(&format!("{kind} {blob}")).is_ok()))
    })
}

#[cfg(test)]
mod tests {
    use super::holds_key;

    #[test]
    fn what_is_a_key_line() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBZM4pHC9C+FWrK6Vsh5ZFqJ9QxRrMMVWbDF+3x4rjYI";
        assert!(holds_key(&format!("# old\nfrom=\"192.0.2.1\",restrict {key} anna\n")));
        assert!(!holds_key(&format!("# {key}\n\nnonsense\n")));
    }
}
