//! What a change would take from whom, told before it is made. Nothing here refuses.

use crate::lockout;
use crate::output;
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::policy::Policy;

/// How far back logins are looked at.
const DAYS: u16 = 30;
/// Longer tables are not read.
const MOST_LINES: usize = 20;

/// Logins of the last days and sessions of this moment that the policy would refuse.
pub(super) fn tell_losses(here: &HostPolicy<'_>, policy: &Policy, now: Moment) {
    let mut known = Vec::new();
    match lockout::recent_logins(DAYS) {
        Ok(recent) => {
            if let Some(caveat) = recent.caveat() {
                output::message(&format!("warning: {}", output::plain(&caveat)));
            }
            known.push(recent.logins);
        }
        Err(error) => output::message(&format!(
            "warning: the logins of the last {DAYS} days are not known: {}",
            output::plain(&error.to_string())
        )),
    }
    match lockout::live_sessions() {
        Ok(live) => known.push(live),
        Err(error) => output::message(&format!("warning: the sessions of this moment are not known: {error}")),
    }
    let logins = lockout::united(known);
    let losses = lockout::losses(here, policy, &logins, now);
    if losses.is_empty() {
        output::message(&format!(
            "no login of the last {DAYS} days would be refused ({} were looked at)",
            logins.len()
        ));
        return;
    }
    output::message(&format!("warning: of {} kinds of login in {DAYS} days these would be refused:", logins.len()));
    for line in lockout::table_of_losses(&losses, MOST_LINES).lines() {
        output::message(&format!("  {}", output::plain(line)));
    }
}
