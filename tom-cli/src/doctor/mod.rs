//! What is wrong with this host: every way to become an administrator that does not pass tom, and every way in which
//! administrators are, or soon will be, locked out.
//!
//! One file per area. Each collects its facts, and judges them by functions that take values. What must never happen:
//! that a check which could not be made looks like one that found nothing; that a hash, a key or a secret is printed;
//! that something of a customer's is changed. The one thing written is tom's own record of setuid programs.

mod accounts;
mod change;
mod clock;
mod daemons;
mod emergency;
mod environment;
mod events;
mod facts;
mod files;
mod finding;
mod hook;
mod mode;
mod module;
mod package;
mod pam;
mod policy;
mod polkit;
mod processes;
mod report;
mod setuid;
mod sshd;
mod sudo;

pub(crate) use report::Report;

use facts::Facts;
use finding::Findings;
use std::collections::BTreeSet;

/// Looks at everything.
pub(crate) fn examine() -> Report {
    let mut findings = Findings::default();
    let enabled = mode::read(&mut findings);
    mode::check(enabled, &mut findings);
    let facts = Facts::collect(enabled, &mut findings);
    let processes = processes::all().unwrap_or_else(|error| {
        findings.not_known("processes", "which daemons run on this host", error);
        Vec::new()
    });
    let enforces = enabled.mode.enforces();
    if enabled.mode != mode::Mode::NotEnabled {
        sshd::check(&facts, &processes, &mut findings);
    }
    if enforces {
        hook::check(&facts, &mut findings);
        environment::check(&facts, &mut findings);
    }
    if enabled.mode != mode::Mode::NotEnabled {
        module::check(&mut findings);
        policy::check(&facts, &mut findings);
    }
    pam::check(&facts, &mut findings);
    files::check(enforces, &mut findings);
    package::check(&mut findings);
    accounts::check(&facts, &mut findings);
    sudo::check(&facts, &mut findings);
    polkit::check(&facts, &mut findings);
    daemons::check(&processes, &mut findings);
    setuid::check(&admin_gids(&facts), &mut findings);
    emergency::check(&mut findings);
    clock::check(&facts, &mut findings);
    change::check(enabled.mode, &mut findings);
    let would_refuse = events::check(enabled.mode, &mut findings);
    findings.sort();
    Report { host: facts.host, enabled, findings, would_refuse }
}

fn admin_gids(facts: &Facts) -> BTreeSet<u32> {
    let groups = facts.database.iter().flat_map(|database| &database.groups);
    let are_admins = groups.filter(|group| group.gid == 0 || facts.admin_groups.contains(&group.name));
    are_admins.map(|group| group.gid).collect()
}
