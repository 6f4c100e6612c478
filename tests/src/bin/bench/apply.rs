//! `tom apply` and `tom policy check` of 1,000 persons and 3,000 keys: what it takes to verify all evidence.

use crate::attested::of_attested_persons;
use crate::policies::of_persons;
use crate::report::{self, Bound};
use crate::samples::Samples;
use crate::turns::{self, Order};
use tom_tests::{Bench, Host, Release};

const PERSONS: usize = 1_000;
const ROUNDS: usize = 15;

const CHECK: &[&str] = &["tom", "policy", "check", "/etc/tom/policy.toml"];
const APPLY: &[&str] = &["tom", "apply", "--now"];

pub(crate) fn run() {
    let bench = || turns::prepared(Bench::on(Release::Bookworm).without_sshd());
    let declared = bench().policy(&of_persons(PERSONS).text).start();
    let attested = of_attested_persons(PERSONS).on(bench()).start();
    let turns = [
        ("tom policy check, declared", &declared, CHECK),
        ("tom policy check, attested: 6,000 evidence files", &attested, CHECK),
        ("tom apply, declared", &declared, APPLY),
        ("  the same again (A/A)", &declared, APPLY),
        ("tom apply, attested: 6,000 evidence files", &attested, APPLY),
        ("  the same again (A/A)", &attested, APPLY),
    ];
    let mut processor: [Samples; 6] = Default::default();
    let mut clock: [Samples; 6] = Default::default();
    let mut order = Order::of(turns.len());
    for _ in 0..ROUNDS {
        for number in order.next_round() {
            let (_, host, arguments) = turns[*number];
            let (by_clock, of_processor) = take(host, arguments);
            clock[*number].push(by_clock);
            processor[*number].push(of_processor);
        }
    }
    for (what, samples) in [("processor time", &processor), ("by the clock", &clock)] {
        report::heading(
            &format!("tom apply: 1,000 persons, 3,000 keys, {what}"),
            &format!("the whole process, {ROUNDS} rounds; median, mean; against declared"),
        );
        for (number, (name, _, _)) in turns.iter().enumerate() {
            let reference = &samples[if number < 2 { 0 } else { 2 }];
            report::timed(name, &samples[number], reference, Bound::None);
        }
    }
    let more = (processor[1].median() - processor[0].median()) / 3_000.0;
    report::figure("one key's evidence, read and verified, processor", &report::time(more), 0.0, Bound::None);
}

/// How long it took by the clock, and of the processor (user and system), in nanoseconds. It must have worked, with
/// nothing to say of any evidence.
fn take(host: &Host, arguments: &[&str]) -> (f64, f64) {
    let timed = ["bash", "-c", "TIMEFORMAT='%3R %3U %3S'; time \"$@\"", "timed"];
    let output = host.run(timed.iter().chain(arguments).copied()).expect_success();
    let (said, times) = output.stderr.trim_end().rsplit_once('\n').unwrap_or(("", output.stderr.trim_end()));
    // A policy without a break-glass key is warned of, and nothing else.
    assert!(said.lines().all(|line| line.contains("break-glass")), "{output:#?}");
    let times: Vec<f64> = times.split(' ').map(|time| time.parse::<f64>().expect("seconds") * 1e9).collect();
    (times[0], times[1] + times[2])
}
