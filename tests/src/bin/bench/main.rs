//! `make bench`: how fast, as ratios measured in one run.
//!
//! What is compared takes turns, and beside each comparison stands an A/A control: two of the same kind,
//! whose ratio says what this machine's noise alone makes of 1.00. Nothing is asserted: a figure stands
//! beside its bound, and 'within' or 'beyond' behind it.
//!
//! `bench hook pam` runs these parts alone.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that cannot be made stops, loudly and at that place"
)]
#![allow(clippy::arithmetic_side_effects, reason = "counts and times; an overflow panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it reports to whoever started it")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what deciding code may not use (clock, environment), a benchmark has to"
)]

mod apply;
mod attested;
mod decide;
mod directory;
mod hook;
mod login;
mod pam;
mod policies;
mod proof;
mod report;
mod samples;
mod turns;

use std::process::ExitCode;
use tom_tests::{Release, obstacle};

type Part = (&'static str, fn());

const PARTS: [Part; 6] = [
    ("hook", hook::run),
    ("decide", decide::run),
    ("pam", pam::run),
    ("login", login::run),
    ("proof", proof::run),
    ("apply", apply::run),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == turns::INSIDE) {
        turns::measure_inside(words.get(1).expect("a count"));
        return ExitCode::SUCCESS;
    }
    if let Some(unknown) = words.iter().find(|word| PARTS.iter().all(|(name, _)| name != word)) {
        let names = PARTS.map(|(name, _)| name).join(", ");
        eprintln!("no part is called {unknown}; there are {names}");
        return ExitCode::from(2);
    }
    if let Some(reason) = obstacle(Release::Bookworm) {
        eprintln!("the benchmarks cannot run here: {reason}");
        return ExitCode::from(3);
    }
    report::introduction();
    for (name, run) in PARTS {
        if words.is_empty() || words.iter().any(|word| word == name) {
            run();
        }
    }
    ExitCode::SUCCESS
}
