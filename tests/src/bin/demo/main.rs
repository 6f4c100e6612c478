//! `make demo`: the sample company of examples/policy.toml, and who gets in where.
//!
//! Every row of the table is a real login: the distribution's ssh, sshd and PAM, on Debian 12 and on
//! Debian 13 at once. Exit code 0 says that all came out as the table expects, 1 that one did not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a demo that cannot do its work stops, loudly and at that place"
)]
#![allow(clippy::arithmetic_side_effects, reason = "lengths and times; an overflow panics")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to whoever started it")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what deciding code may not use (clock, environment, sleep), a demo has to"
)]

mod attempt;
mod company;
mod logins;
mod page;
mod wrap;

use crate::attempt::{Seen, attempt};
use crate::company::{Company, HOME_OF_ANNA};
use crate::logins::{Row, sections};
use crate::page::Page;
use std::process::ExitCode;
use std::thread;
use std::time::Instant;
use tom_tests::{Release, obstacle};

fn main() -> ExitCode {
    let page = Page::for_stdout();
    page.introduction();
    if let Some(reason) = Release::ALL.into_iter().find_map(obstacle) {
        eprintln!("the demo cannot run here: {reason}");
        return ExitCode::from(3);
    }
    let started = Instant::now();
    let companies = on_each(Company::start);
    page.company(&companies);

    let mut unexpected = 0;
    let mut count = 0;
    for section in sections() {
        if section.when_expired {
            companies.iter().for_each(Company::wait_for_expiry);
        }
        page.section(&section);
        for row in &section.rows {
            let seen = on_each_of(&companies, |company| attempt(company, row));
            count += seen.len();
            unexpected += page.row(row, &seen, Row::met_by);
        }
    }
    show_reasons(page, &companies[0]);
    page.summary(count, unexpected, started.elapsed());
    if unexpected == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What an administrator asks afterwards.
fn show_reasons(page: Page, company: &Company) {
    let question = "explain --account root --service sshd --person cora --from";
    let words: Vec<&str> = question.split(' ').chain([HOME_OF_ANNA]).collect();
    page.heading("Why could Cora not come in from Anna's home?");
    page.command(company.host("web1"), &words);
    page.heading("Who may enter Acme's root host at all?");
    page.command(company.host("root7"), &["access"]);
}

/// The same for both releases, side by side.
fn on_each<T: Send>(work: impl Fn(Release) -> T + Sync) -> [T; 2] {
    let work = &work;
    thread::scope(|scope| {
        let both = Release::ALL.map(|release| scope.spawn(move || work(release)));
        both.map(|one| one.join().expect("no panic"))
    })
}

/// The same in both companies, side by side.
fn on_each_of(companies: &[Company; 2], work: impl Fn(&Company) -> Seen + Sync) -> [Seen; 2] {
    let work = &work;
    thread::scope(|scope| {
        let both = companies.each_ref().map(|company| scope.spawn(move || work(company)));
        both.map(|one| one.join().expect("no panic"))
    })
}
