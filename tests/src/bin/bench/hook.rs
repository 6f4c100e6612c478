//! tom-authorized-keys as a whole process: what sshd starts for each key that anybody offers.

use crate::attested::of_attested_persons;
use crate::policies::{Sized, of_persons};
use crate::report::{self, Bound};
use crate::samples::Samples;
use crate::turns::{self, Turn};
use std::path::PathBuf;
use tom_tests::{Bench, Host, Release};

const HOOK: &str = "/usr/lib/tom/tom-authorized-keys";
const TRUE: &str = "/usr/lib/tom-bench/true";
const EMPTY: &str = "/usr/lib/tom-bench/empty";

/// All hosts take turns of so many rounds.
const ROUNDS: usize = 300;
const TURNS: usize = 12;

pub(crate) fn run() {
    let mut hosts = [
        ("3 persons, 9 keys, declared", 1.0, Measured::declared(3)),
        ("3 persons, 9 keys, attested", 1.0, Measured::attested(3)),
        ("1,000 persons, 3,000 keys, declared", 1.5, Measured::declared(1_000)),
        ("1,000 persons, 3,000 keys, attested", 1.5, Measured::attested(1_000)),
    ];
    for _ in 0..TURNS {
        hosts.iter_mut().for_each(|(_, _, host)| host.take_turns());
    }
    report::heading(
        "tom-authorized-keys, the whole process, a key that is allowed",
        &format!(
            "posix_spawn to wait4 as _tom, {} rounds; median, mean; against an empty Rust program",
            ROUNDS * TURNS
        ),
    );
    for (name, most, host) in &hosts {
        let [hook, empty, again, plain_true] = &host.samples;
        report::timed(name, hook, empty, Bound::AtMost(*most));
        report::timed("  empty Rust program, dynamic", empty, empty, Bound::None);
        report::timed("  the same again (A/A)", again, empty, Bound::None);
        report::timed("  /bin/true", plain_true, empty, Bound::None);
    }
}

/// A host with a policy, and what was measured there.
struct Measured {
    host: Host,
    account: [String; 3],
    samples: [Samples; 4],
}

impl Measured {
    fn declared(persons: usize) -> Self {
        let policy = of_persons(persons);
        Self::with(&policy, |bench| bench.policy(&policy.text))
    }

    /// Each key is proven: were its evidence not believed, the hook would not print it.
    fn attested(persons: usize) -> Self {
        let attested = of_attested_persons(persons);
        Self::with(&attested.policy, |bench| attested.on(bench))
    }

    fn with(policy: &Sized, add_policy: impl Fn(Bench) -> Bench) -> Self {
        let key = &policy.keys[policy.keys.len() / 2];
        let bench = turns::prepared(Bench::on(Release::Bookworm).without_sshd());
        let host = add_policy(bench)
            .file(EMPTY, 0o755, std::fs::read(beside_this("empty")).expect("the empty program"))
            .file(TRUE, 0o755, std::fs::read("/bin/true").expect("/bin/true"))
            .start();
        let (key_type, blob) = key.public().split_once(' ').expect("a type and a key");
        let account = ["root", key_type, blob].map(str::to_owned);
        let answer = host.as_user("_tom").run([HOOK].iter().copied().chain(account.iter().map(String::as_str)));
        assert!(answer.stdout.contains("verify-required"), "this key is not allowed: {answer:#?}");
        Self { host, account, samples: Default::default() }
    }

    fn take_turns(&mut self) {
        let [user, key_type, blob] = self.account.each_ref().map(String::as_str);
        let hook = [HOOK, user, key_type, blob];
        let programs: [&[&str]; 4] = [&hook, &[EMPTY], &[EMPTY], &[TRUE]];
        let turns = programs.map(|arguments| Turn { arguments, status: 0 });
        turns::take(&self.host, "_tom", ROUNDS, &turns, &mut self.samples);
    }
}

/// A program that cargo built beside this one.
fn beside_this(name: &str) -> PathBuf {
    std::env::current_exe().expect("the path of this program").with_file_name(name)
}
