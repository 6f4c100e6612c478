//! A whole login: tom's three layers against a line in authorized_keys.

use crate::policies::{INSIDE, of_persons};
use crate::report::{self, Bound};
use crate::samples::Samples;
use crate::turns::Order;
use tom_tests::{Bench, Host, Key, Release};

const ROUNDS: usize = 200;

pub(crate) fn run() {
    let policy = of_persons(3);
    let key = &policy.keys[4];
    let plain = || {
        let host = Bench::on(Release::Bookworm).without_tom().start();
        host.authorized_keys("root", &format!("verify-required,from=\"203.0.113.0/28\" {}\n", key.public()));
        host
    };
    let hosts = [Bench::on(Release::Bookworm).policy(&policy.text).start(), plain(), plain()];
    let mut samples: [Samples; 3] = Default::default();
    // The first login of a host reads all programs from disk.
    for host in &hosts {
        log_in(host, key);
    }
    let mut order = Order::of(hosts.len());
    for _ in 0..ROUNDS {
        for number in order.next_round() {
            samples[*number].push(log_in(&hosts[*number], key));
        }
    }
    report::heading(
        "A whole login: hook, account, session, against a line in authorized_keys",
        &format!("ssh to Debian 12's sshd, a token with its PIN, 3 persons, {ROUNDS} rounds; median, mean"),
    );
    let [tom, plain, again] = &samples;
    report::timed("with tom", tom, plain, Bound::AtMost(1.05));
    report::timed("  plain authorized_keys", plain, plain, Bound::None);
    report::timed("  the same on another host (A/A)", again, plain, Bound::None);
    for (what, (excess, off), bound) in [
        ("more than both plain ones, round by round", tom.excess_over(&plain.average(again)), Bound::AtMost(5.0)),
        ("  one plain one more than the other (A/A)", again.excess_over(plain), Bound::None),
    ] {
        let percent = excess * 100.0;
        report::figure(what, &format!("{percent:+.1} % +- {:.1}", off * 100.0), percent, bound);
    }
}

/// How long a login took, in nanoseconds.
fn log_in(host: &Host, key: &Key) -> f64 {
    let login = host.ssh("root").key(key).from(INSIDE).run("true");
    login.assert_allowed();
    login.duration.as_secs_f64() * 1e9
}
