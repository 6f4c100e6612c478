//! Programs that take turns within one host, each timed from its start to its end.
//!
//! The times are taken inside the host's namespaces, by a copy of this program: to enter them takes longer
//! than most of what is measured. Programs are started by posix_spawn, which is what `std::process` uses
//! when nothing special is asked for, and waited for by wait4.

use crate::samples::Samples;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tom_tests::{Bench, Host};

/// The word that makes this program the one inside.
pub(crate) const INSIDE: &str = "--inside";
const PLACE: &str = "/usr/lib/tom-bench/bench";

/// A program, its arguments, and the exit code that it must have.
pub(crate) struct Turn<'a> {
    pub(crate) arguments: &'a [&'a str],
    pub(crate) status: i32,
}

/// Puts this program into the host.
pub(crate) fn prepared(bench: Bench) -> Bench {
    let this = std::env::current_exe().expect("the path of this program");
    bench.file(PLACE, 0o755, std::fs::read(this).expect("this program"))
}

/// Lets these take turns in `host` as `user`, so many rounds; adds their times to `samples`, one for each.
pub(crate) fn take(host: &Host, user: &str, rounds: usize, turns: &[Turn<'_>], samples: &mut [Samples]) {
    let lines: Vec<String> =
        turns.iter().map(|turn| format!("{}\t{}", turn.status, turn.arguments.join("\t"))).collect();
    let command = host.as_user(user).stdin(lines.join("\n")).timeout(Duration::from_secs(600));
    let output = command.run([PLACE, INSIDE, &rounds.to_string()]).expect_success();
    for line in output.stdout.lines() {
        for (time, samples) in line.split('\t').zip(samples.iter_mut()) {
            samples.push(time.parse().expect("a number"));
        }
    }
}

/// The one inside: reads the programs from standard input, writes a line of nanoseconds for each round.
pub(crate) fn measure_inside(rounds: &str) {
    let rounds: usize = rounds.parse().expect("a count");
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("a list of programs");
    let programs: Vec<(i32, Vec<&str>)> = text
        .lines()
        .map(|line| {
            let (status, arguments) = line.split_once('\t').expect("a status and a program");
            (status.parse().expect("a number"), arguments.split('\t').collect())
        })
        .collect();
    let mut lines = Vec::with_capacity(rounds);
    let mut order = Order::of(programs.len());
    for _ in 0..rounds {
        let mut times = vec![0; programs.len()];
        for number in order.next_round() {
            let (status, arguments) = &programs[*number];
            times[*number] = time(arguments, *status);
        }
        lines.push(times.iter().map(u128::to_string).collect::<Vec<_>>().join("\t"));
    }
    println!("{}", lines.join("\n"));
}

/// The order of the turns: another in each round, so that none gains by whom it follows, and the same orders
/// in each run.
pub(crate) struct Order {
    numbers: Vec<usize>,
    state: u64,
}

impl Order {
    pub(crate) fn of(count: usize) -> Self {
        Self { numbers: (0..count).collect(), state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// The next order: Fisher and Yates, with Marsaglia's xorshift.
    pub(crate) fn next_round(&mut self) -> &[usize] {
        for last in (1..self.numbers.len()).rev() {
            self.state ^= self.state << 13;
            self.state ^= self.state >> 7;
            self.state ^= self.state << 17;
            let below = u64::try_from(last + 1).expect("a small count");
            let chosen = usize::try_from(self.state % below).expect("a small count");
            self.numbers.swap(last, chosen);
        }
        &self.numbers
    }
}

fn time(arguments: &[&str], status: i32) -> u128 {
    let mut command = Command::new(arguments[0]);
    command.args(&arguments[1..]).env_clear();
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", arguments[0]));
    let ended = child.wait().expect("a child of ours");
    let time = started.elapsed().as_nanos();
    assert_eq!(ended.code(), Some(status), "{arguments:?}");
    time
}
