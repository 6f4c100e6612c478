//! Every system call of the hook and of pam_tom made to fail or to lie, one at a time: never an allow that
//! the sound policy would not give.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use std::time::Duration;

use tom_tests::faults::{self, Asked, Question, Random, Step, Traced, bench, is_campaign, questions};
use tom_tests::{Host, Release, run_on};

/// What a call may answer: every error that a host in trouble gives, and values that mean nothing.
const FAULTS: [&str; 14] = [
    "error=ENOENT",
    "error=EIO",
    "error=EMFILE",
    "error=ENOMEM",
    "error=EACCES",
    "error=EINTR",
    "error=EAGAIN",
    "error=ENOTDIR",
    "error=ENOSYS",
    "retval=0",
    "retval=1",
    "retval=3",
    "retval=4096",
    "retval=2147483647",
];

struct Campaign<'a> {
    host: &'a Host,
    random: Random,
    runs: usize,
    steps: usize,
}

impl Campaign<'_> {
    /// Each step of one question: every fault in the campaign, else one by chance.
    fn ask(&mut self, question: &Question) {
        let (user, after) =
            if question.asked == Asked::Hook { (Some("_tom"), None) } else { (None, Some("/pam_permit.so")) };
        let traced = Traced::new(self.host, user, question.command());
        self.as_at_the_first();
        let (steps, sound) = traced.steps(after);
        assert_eq!(question.is_allow(&sound), question.sound, "without a fault: {}: {sound:#?}", question.name());
        for step in &steps {
            let faults: Vec<&str> =
                if is_campaign() { FAULTS.into() } else { vec![FAULTS[self.random.below(FAULTS.len())]] };
            for fault in faults {
                self.inject(question, &traced, step, fault, &sound.stdout);
            }
        }
        self.steps += steps.len();
    }

    /// The directory of sessions on record is made by the first login since the start.
    fn as_at_the_first(&self) {
        self.host.run(["rm", "-rf", "/run/tom"]).expect_success();
    }

    fn inject(&mut self, question: &Question, traced: &Traced<'_>, step: &Step, fault: &str, sound: &str) {
        // One call more or less before it, and the number belongs to another: tried again, then told.
        let again = |_| {
            self.as_at_the_first();
            traced.inject(step, fault)
        };
        let run = (0..5).map(again).find(|run| run.hit);
        let what = format!("{}: {fault} in call {} of {}", question.name(), step.number, step.line);
        let run = run.unwrap_or_else(|| panic!("no fault was injected: {what}"));
        self.runs += 1;
        let answer = &run.output;
        // strace takes its time; two seconds are none of it. A kernel that says it has sent what it has not
        // lets everybody wait for the reply (libpam asks netlink for its audit record).
        let lies = fault.starts_with("retval");
        assert!(lies || answer.duration < Duration::from_secs(2), "{what}: {answer:#?}");
        let allowed = question.is_allow(answer);
        assert!(question.sound || !allowed, "LET IN: {what}: {answer:#?}");
        // Whatever becomes of its record, a session that is allowed is one.
        let of_the_record = ["mkdirat", "renameat", "unlinkat"].contains(&step.call.as_str())
            || ["/run/tom", "\"new.", "boot_id"].iter().any(|name| step.line.contains(name));
        assert!(!question.sound || !of_the_record || allowed || lies, "REFUSED for its record: {what}: {answer:#?}");
        // Half a line, or one without its options, would be another line than the policy gives.
        if question.asked == Asked::Hook && allowed {
            // Of a call that says it has written what it has not, the rest is there.
            let unwritten = lies && step.call == "write" && sound.ends_with(&answer.stdout);
            assert!(answer.stdout == sound || unwritten, "{what}: {answer:#?}");
        }
    }
}

fn campaign(wanted: impl Fn(&Question) -> bool) {
    run_on(Release::Bookworm, |release| {
        let host =
            faults::start(bench(release).file("/etc/pam.d/sshd", 0o644, faults::bare_stack(false)).without_sshd());
        let mut campaign = Campaign { host: &host, random: Random::seeded(), runs: 0, steps: 0 };
        let asked: Vec<Question> = questions().into_iter().filter(wanted).collect();
        assert!(asked.len() >= 2);
        for question in &asked {
            campaign.ask(question);
        }
        println!("{} faults in {} steps of {} questions", campaign.runs, campaign.steps, asked.len());
        assert!(campaign.runs >= campaign.steps && campaign.steps > 40 * asked.len());
    });
}

#[test]
fn of_the_hook() {
    campaign(|question| question.asked == Asked::Hook);
}

#[test]
fn of_the_account_phase() {
    campaign(|question| question.asked == Asked::Account);
}

#[test]
fn of_the_session_phase() {
    campaign(|question| question.asked == Asked::Session && !question.is_ordinary());
}
