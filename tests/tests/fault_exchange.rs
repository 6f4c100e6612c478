//! The active policy is exchanged while logins come: who is in both policies always gets in, a stranger
//! never does.

#![allow(clippy::expect_used, reason = "a test says what it expects")]

use std::thread;
use std::time::Duration;

use tom_tests::faults::{self, OFFICE, POLICY, bench, is_campaign};
use tom_tests::{Host, Key, on_each_release};

/// Applies two policies in turn until there is a file /run/bench/stop, and says how often.
const ALTERNATE: &str = "
    count=0
    while [ ! -e /run/bench/stop ]; do
        for policy in both one; do
            cp /etc/tom/$policy.toml /etc/tom/new && mv /etc/tom/new /etc/tom/policy.toml || exit 1
            tom apply --now >/dev/null 2>/run/bench/said || { cat /run/bench/said; exit 1; }
            count=$((count + 1))
        done
    done
    echo $count";

/// Offers three keys again and again, and counts the answers. Needs ROUNDS, ANNA, BERT, STRANGER, LINE.
const OFFER: &str = "
    hook=/usr/lib/tom/tom-authorized-keys; yes=0 no=0
    for round in $(seq $ROUNDS); do
        line=$($hook root $ANNA) && [ \"$line\" = \"$LINE\" ] || echo \"anna, round $round: $? '$line'\"
        line=$($hook root $STRANGER) && [ -z \"$line\" ] || echo \"stranger, round $round: $? '$line'\"
        line=$($hook root $BERT) || echo \"bert, round $round: $?\"
        if [ -n \"$line\" ]; then yes=$((yes + 1)); else no=$((no + 1)); fi
    done
    echo bert $yes $no >&2";

fn offers(host: &Host, rounds: usize) {
    let (anna, stranger) = (Key::token("anna-blue"), Key::token("stranger"));
    let bert = Key::token("bert-blue");
    let ask =
        [&["/usr/lib/tom/tom-authorized-keys", "root"][..], &anna.public().split(' ').collect::<Vec<_>>()].concat();
    let line = host.as_user("_tom").run(ask).expect_success().stdout;
    assert!(line.starts_with("verify-required,from=\"203.0.113.0/28\" "), "{line}");
    let output = host
        .as_user("_tom")
        .timeout(Duration::from_secs(900))
        .env("ROUNDS", &rounds.to_string())
        .env("ANNA", anna.public())
        .env("BERT", bert.public())
        .env("STRANGER", stranger.public())
        .env("LINE", line.trim_end())
        .run(["sh", "-c", OFFER])
        .expect_success();
    assert_eq!(output.stdout, "", "answers that no policy gives");
    let counts: Vec<usize> = output.stderr.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert!(counts.len() == 2 && counts.iter().all(|count| *count > 0), "nothing was exchanged: {}", output.stderr);
}

fn logins(host: &Host, count: usize) {
    let login = |key: &str| host.ssh("root").among_others().key(&Key::token(key)).from(OFFICE).run("echo $TOM_PERSON");
    for number in 0..count {
        assert_eq!(login("anna-blue").assert_allowed().stdout, "anna\n", "login {number}");
        if number % 5 == 0 {
            login("stranger").assert_refused();
        }
    }
}

on_each_release! {
    fn logins_while_policies_are_exchanged(release) {
        let host = faults::start(bench(release).policy(POLICY));
        let bert = "[[key]]\nperson = \"bert\"\nlabel = \"blue\"\npublic = \"TOKEN(bert-blue)\"\nproof = \"fido\"\n";
        for (file, text) in [("one", POLICY.to_owned()), ("both", format!("{POLICY}{bert}"))] {
            host.write_policy(&text);
            host.run(["mv", "/etc/tom/policy.toml", &format!("/etc/tom/{file}.toml")]).expect_success();
        }
        let (rounds, count) = if is_campaign() { (5_000, 500) } else { (700, 25) };
        let timeout = Duration::from_secs(900);
        thread::scope(|scope| {
            let alternating = scope.spawn(|| host.command().timeout(timeout).run(["sh", "-c", ALTERNATE]));
            // Stopped also when an assertion ends a thread: a scope waits for all of them.
            let work = [scope.spawn(|| offers(&host, rounds)), scope.spawn(|| logins(&host, count)), scope.spawn(|| logins(&host, count))];
            let outcomes = work.map(thread::ScopedJoinHandle::join);
            host.write("/run/bench/stop", 0o644, "");
            let output = alternating.join().expect("no panic").expect_success();
            let exchanges: usize = output.stdout.trim().parse().expect("a number");
            assert!(exchanges >= 40, "only {exchanges} exchanges");
            for outcome in outcomes {
                outcome.expect("every answer is right");
            }
        });
    }
}
