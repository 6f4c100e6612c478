//! Who could still log in here after a revocation. Never a reason against it: a lost token must be out.

use crate::output;
use libtom::decision::{Decision, Groups, Key, Phase, Request, decide};
use libtom::host_policy::HostPolicy;
use libtom::moment::Moment;
use libtom::policy::Service;
use std::borrow::Cow;
use std::collections::BTreeSet;
use tom_host::{active_policy, clock};

/// Warns where it is nobody, or one.
pub(crate) fn warn() {
    active_policy::with_policy(|policy, fault| {
        let persons = persons(policy);
        let why = fault.map(|fault| format!(" ({fault})")).unwrap_or_default();
        match persons.iter().copied().collect::<Vec<&str>>().as_slice() {
            [] => output::message(&format!(
                "warning: NOBODY can log in on this host by SSH any more{why}; stay logged in until somebody can, and \
                 try that in a new login"
            )),
            [only] => output::message(&format!(
                "warning: '{only}' is the only person left who could log in on this host by SSH{why}"
            )),
            _ => {}
        }
    });
}

/// Persons one of whose keys sshd would be given for some account.
fn persons<'p>(policy: &HostPolicy<'p>) -> BTreeSet<&'p str> {
    let now = Moment::from_unix(clock::now()).not_before(policy.applied());
    let enters = |blob: &'p [u8], account: &str| {
        let request = Request {
            account: Some(account),
            groups: Groups::Known(&[]),
            key: Key::Blob(Cow::Borrowed(blob)),
            ..Request::new(Phase::Offer, Service::Sshd.name(), now)
        };
        matches!(decide(policy, &request), Decision::Allow(_))
    };
    let has_way = |blob: &'p [u8]| policy.governed_accounts().iter().any(|account| enters(blob, account));
    policy.keys().iter().filter(|key| has_way(key.blob)).filter_map(|key| policy.person_with(key.blob)).collect()
}
