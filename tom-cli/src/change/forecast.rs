//! What a change would take from whom, told before it is made. Nothing here refuses.

use crate::change::candidate::Candidate;
use crate::change::configuration::{self, Mode};
use crate::inspection::{
    self,
    sudoers::{Subject, SudoRule},
};
use crate::lockout::{self, Sudoer};
use crate::output;
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::policy::Policy;
use tom_host::accounts::Database;

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
    let mut losses = lockout::losses(here, policy, &logins, now);
    // What the active policy refuses is lost already.
    if configuration::mode() == Mode::Enforce
        && let Ok(active) = Candidate::active()
        && let Ok(active_here) = active.here()
    {
        losses.retain(|loss| !lockout::is_refused_by(loss, &active_here, &active.policy, now));
    }
    if logins.is_empty() {
        output::message(&format!(
            "no login of the last {DAYS} days is known: whom this takes something from cannot be told"
        ));
        return;
    }
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

/// Users of sudo without a grant will be refused.
pub(super) fn tell_ungranted_sudoers(here: &HostPolicy<'_>, policy: &Policy, now: Moment) {
    let unknown = |error: &dyn std::fmt::Display| {
        output::message(&format!("warning: whom sudoers lets use sudo is not known: {error}"));
    };
    let rules = match inspection::sudoers::sudoers_users() {
        Ok(rules) => rules,
        Err(error) => return unknown(&error),
    };
    let told = Database::read_all()
        .map(|database| named_by(&rules, &database))
        .and_then(|sudoers| lockout::ungranted_sudoers(&sudoers, here, policy, now));
    match told {
        Ok(ungranted) => {
            for one in ungranted {
                output::message(&format!("warning: {one}"));
            }
        }
        Err(error) => unknown(&error),
    }
}

/// Whom rules that lead to root name, a group as such; names that are no names are looked for among all accounts.
fn named_by(rules: &[SudoRule], database: &Database) -> Vec<Sudoer> {
    let mut named = Vec::new();
    for rule in rules.iter().filter(|rule| rule.allows_something() && rule.enters_root(database)) {
        for member in rule.users.iter().filter(|member| !member.negated) {
            match &member.subject {
                Subject::User(name) => named.push(Sudoer::User(name.clone())),
                Subject::Group(name) => named.push(Sudoer::Group(name.clone())),
                Subject::All | Subject::Uid(_) | Subject::Gid(_) | Subject::Other(..) => {
                    let accounts = database.accounts.iter().filter(|account| rule.is_for(account, database));
                    named.extend(accounts.map(|account| Sudoer::User(account.name.clone())));
                }
            }
        }
    }
    named
}
