//! What a new policy takes from whom: asked before it decides any login.
//!
//! What: who could still log in, who runs this, which logins of the last days and of this moment would be refused,
//! which networks and sudoers are doubtful. Why: a policy that locks everybody out of three hundred hosts is sound in
//! itself. What must never happen: that a lock-out is not seen because something could not be looked up; that a text
//! from a log decides anything.
//!
//! Judging is pure and apart from reading, one file for each thing; the functions here join the two.

mod accepted_line;
mod auth_log;
mod could_log_in;
mod doubtful_addresses;
mod host_accounts;
mod host_addresses;
mod invoker;
mod journal_record;
mod listed_host;
mod live_sessions;
mod lock_out;
mod losses;
mod past_login;
mod processes;
mod recent_logins;
mod ungranted_sudoers;

pub(crate) use could_log_in::CouldLogIn;
pub(crate) use doubtful_addresses::AddressWarning;
pub(crate) use invoker::{Invoker, InvokerError, invoker};
pub(crate) use listed_host::host_is_listed;
pub(crate) use live_sessions::live_sessions;
pub(crate) use lock_out::LockOut;
pub(crate) use losses::{Loss, table as table_of_losses};
pub(crate) use past_login::{PastLogin, united};
pub(crate) use recent_logins::recent_logins;
pub(crate) use ungranted_sudoers::{Sudoer, UngrantedSudoer};

use host_accounts::TheHost;
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::policy::Policy;
use tom_host::accounts::{Database, LookupError};

/// Persons who could log in by SSH on this host under this policy, with the accounts of this host that each could
/// enter, in the order of the policy.
pub(crate) fn who_could_log_in(here: &HostPolicy<'_>, policy: &Policy, now: Moment) -> Vec<CouldLogIn> {
    could_log_in::persons(here, policy, now, &TheHost)
}

/// Everything that the policy must be refused for: nobody could log in, one person alone, not whoever runs this, or
/// not from where that person is now. The caller decides which of them hold on a host that is not enabled.
pub(crate) fn check(here: &HostPolicy<'_>, policy: &Policy, now: Moment, invoker: Option<&Invoker>) -> Vec<LockOut> {
    lock_out::judge(here, policy, now, invoker, &TheHost)
}

/// The logins that the policy governs and would refuse today. They are told of, and refuse nothing by themselves.
pub(crate) fn losses(here: &HostPolicy<'_>, policy: &Policy, logins: &[PastLogin], now: Moment) -> Vec<Loss> {
    losses::losses(here, policy, logins, now, &TheHost)
}

/// Would another policy, such as the active one, refuse this login as well? Then it is lost already.
pub(crate) fn is_refused_by(loss: &Loss, other: &HostPolicy<'_>, policy: &Policy, now: Moment) -> bool {
    loss.is_refused_by(other, policy, now, &TheHost)
}

/// Networks in `from` that let in more than was meant on this host.
pub(crate) fn doubtful_addresses(here: &HostPolicy<'_>, policy: &Policy) -> Vec<AddressWarning> {
    doubtful_addresses::judge(policy, here, &host_addresses::own_addresses())
}

/// Users whom sudoers lets use sudo, and whom no grant does.
///
/// # Errors
/// The members of groups cannot be looked up.
pub(crate) fn ungranted_sudoers(
    sudoers: &[Sudoer],
    here: &HostPolicy<'_>,
    policy: &Policy,
    now: Moment,
) -> Result<Vec<UngrantedSudoer>, LookupError> {
    Ok(ungranted_sudoers::judge(sudoers, here, policy, now, &Database::read_all()?, &TheHost))
}

#[cfg(test)]
mod example;
