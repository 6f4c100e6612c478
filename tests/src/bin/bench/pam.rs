//! pam_tom's account phase against pam_access with the same rules.

use crate::policies::{INSIDE, OUTSIDE, Sized, access_rules, of_grants, of_networks};
use crate::report::{self, Bound};
use crate::samples::Samples;
use crate::turns::{self, Turn};
use tom_tests::{Bench, Host, Release};

const ROUNDS: usize = 400;

/// pamtester's exit codes.
const ALLOWED: i32 = 0;
const REFUSED: i32 = 1;

pub(crate) fn run() {
    report::heading(
        "pam_tom's account phase against pam_access with the same rules, through pamtester",
        &format!("the whole process with PAM_RHOST set, {ROUNDS} rounds; median, mean; against pam_permit alone"),
    );
    let policies: [(&str, usize, Sized); 4] = [
        ("10 networks", 10, of_networks(10)),
        ("10,000 networks", 10_000, of_networks(10_000)),
        ("10 grants", 10, of_grants(10)),
        ("10,000 grants", 10_000, of_grants(10_000)),
    ];
    for (name, count, policy) in policies {
        let host = host(&policy, count);
        for (address, status, outcome) in
            [(INSIDE, ALLOWED, "allowed, by the middle rule"), (OUTSIDE, REFUSED, "refused")]
        {
            println!("  {name}, {outcome}");
            compare(&host, address, status);
        }
    }
}

/// A host with one service for each of what is compared. pam_tom asks for addresses in sshd's service alone.
fn host(policy: &Sized, count: usize) -> Host {
    let service = |module: &str| format!("auth required pam_permit.so\naccount required pam_permit.so\n{module}");
    turns::prepared(Bench::on(Release::Bookworm).without_sshd())
        .policy(&policy.text)
        .file("/etc/pam.d/sshd", 0o644, service("account required pam_tom.so\n"))
        .file("/etc/pam.d/access", 0o644, service("account required pam_access.so nodefgroup accessfile=/etc/rules\n"))
        .file("/etc/pam.d/permit", 0o644, service(""))
        .file("/etc/rules", 0o644, access_rules(count))
        .start()
}

fn compare(host: &Host, address: &str, status: i32) {
    let remote = format!("-Irhost={address}");
    let asked = |service| ["/usr/bin/pamtester", remote.as_str(), service, "root", "acct_mgmt"];
    let (tom, access, permit) = (asked("sshd"), asked("access"), asked("permit"));
    let turns = [(&tom, status), (&access, status), (&permit, ALLOWED), (&permit, ALLOWED)];
    let turns = turns.map(|(arguments, status)| Turn { arguments, status });
    let mut samples: [Samples; 4] = Default::default();
    turns::take(host, "root", ROUNDS, &turns, &mut samples);
    assert!(samples.iter().all(|samples| samples.count() == ROUNDS), "a round is missing");
    let [tom, access, permit, again] = &samples;
    report::timed("  pam_tom", tom, permit, Bound::None);
    report::timed("  pam_access", access, permit, Bound::None);
    report::timed("  pam_permit", permit, permit, Bound::None);
    report::timed("  pam_permit again (A/A)", again, permit, Bound::None);
    let alone = |samples: &Samples| samples.less(permit.median()).median();
    let ratio = alone(tom) / alone(access);
    report::figure("  the modules alone, pam_tom to pam_access", &format!("x {ratio:.2}"), ratio, Bound::None);
}
