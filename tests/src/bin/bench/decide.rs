//! `tom decide`: how many decisions a second, and what many networks cost.

use crate::directory::Directory;
use crate::policies::{Sized, of_names, of_networks, of_persons, requests};
use crate::report::{self, Bound, time};
use crate::samples::{Samples, float};
use crate::turns::Order;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;
use tom_tests::built_program;

const ROUNDS: usize = 7;
const MANY: usize = 400_000;

pub(crate) fn run() {
    let directory = Directory::new();
    let persons = Asked::new(&directory, "persons", &of_persons(1_000), MANY);
    let few = Asked::new(&directory, "few", &of_networks(10), MANY);
    let many = Asked::new(&directory, "many", &of_networks(10_000), MANY);
    let names = Asked::new(&directory, "names", &of_names(10_000), MANY);
    let turns = [&persons, &persons, &few, &few, &many, &names];
    let mut measured: [Measured; 6] = Default::default();
    let mut order = Order::of(turns.len());
    for _ in 0..ROUNDS {
        for number in order.next_round() {
            measured[*number].take(turns[*number]);
        }
    }
    report::heading(
        "tom decide: 1,000 persons, 3,000 keys, one core",
        &format!("{MANY} requests of the session phase, 6 of 10 allowed, {ROUNDS} rounds; medians, start subtracted"),
    );
    let [first, again, few, few_again, many, names] = &measured;
    let rate = 1e9 / first.of_one_decision();
    report::figure("decisions a second of processor time", &format!("{rate:.0}"), rate, Bound::AtLeast(200_000.0));
    let by_clock = 1e9 / first.by_clock();
    report::figure("decisions a second by the clock", &format!("{by_clock:.0}"), by_clock, Bound::AtLeast(200_000.0));
    let control = again.of_one_decision() / first.of_one_decision();
    report::figure("A/A", &format!("x {control:.2}"), control, Bound::None);
    report::figure("start, with 1 request", &time(first.start.median()), 0.0, Bound::None);

    report::heading("tom decide: the address check", "as above, one person; processor time of one decision");
    let reference = few.of_one_decision();
    for (what, one, bound) in [
        ("10 networks", few, Bound::None),
        ("10 networks again (A/A)", few_again, Bound::None),
        ("10,000 networks of one name", many, Bound::AtMost(1.5)),
        ("10,000 networks of 10,000 names", names, Bound::AtMost(1.5)),
    ] {
        let ratio = one.of_one_decision() / reference;
        report::figure(what, &format!("{} x {ratio:.2}", time(one.of_one_decision())), ratio, bound);
    }
}

/// A policy in a file and requests in two others: many, and one.
struct Asked {
    policy: PathBuf,
    many: PathBuf,
    one: PathBuf,
}

impl Asked {
    fn new(directory: &Directory, name: &str, policy: &Sized, count: usize) -> Self {
        let file = |suffix: &str, text: &str| directory.file(&format!("{name}.{suffix}"), text);
        Self {
            policy: file("toml", &policy.text),
            many: file("many", &requests(policy, count)),
            one: file("one", &requests(policy, 1)),
        }
    }
}

/// Processor time and time by the clock.
#[derive(Default)]
struct Measured {
    processor: Samples,
    clock: Samples,
    start: Samples,
    start_by_clock: Samples,
}

impl Measured {
    fn take(&mut self, asked: &Asked) {
        let (start, start_by_clock) = run_decide(&asked.policy, &asked.one);
        let (processor, clock) = run_decide(&asked.policy, &asked.many);
        self.start.push(start);
        self.start_by_clock.push(start_by_clock);
        self.processor.push(processor);
        self.clock.push(clock);
    }

    fn of_one_decision(&self) -> f64 {
        self.processor.less(self.start.median()).median() / float(MANY)
    }

    fn by_clock(&self) -> f64 {
        self.clock.less(self.start_by_clock.median()).median() / float(MANY)
    }
}

/// The processor time (user and system) that tom needs to answer these, and the time by the clock, both in
/// nanoseconds.
fn run_decide(policy: &Path, requests: &Path) -> (f64, f64) {
    let started = Instant::now();
    let mut child = Command::new(built_program("/usr/bin/tom"))
        .args(["decide", "--policy"])
        .arg(policy)
        .stdin(File::open(requests).expect("the requests"))
        .stdout(Stdio::null())
        .spawn()
        .expect("tom starts");
    // Ended, but not yet gone: the kernel still knows what it has used, in nanoseconds.
    let pid = Pid::from_child(&child);
    waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).expect("a child of ours");
    let clock = started.elapsed().as_secs_f64() * 1e9;
    let used = fs::read_to_string(format!("/proc/{}/schedstat", child.id())).expect("a kernel with schedstat");
    let processor = used.split(' ').next().and_then(|time| time.parse().ok()).expect("a time");
    assert!(child.wait().expect("a child of ours").success(), "tom decide failed");
    (processor, clock)
}
