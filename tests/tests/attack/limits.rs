//! Whoever calls su chooses its limits: how many descriptors, how much memory. A module that cannot read its
//! policy for want of a descriptor must not take anybody for an ordinary user.

use std::thread;

use super::{assert_outside, company, is_inside, sh, su_under};
use tom_tests::faults::is_campaign;
use tom_tests::{AUTH_LINE, Bench, Host, PROFILE, Release, run_on};

/// pam_unix listed by itself, not by @include: the module is loaded with more descriptors to spare.
fn direct() -> String {
    let line = PROFILE.lines().find(|line| line.contains("pam_tom.so")).expect("the profile's line").trim();
    format!(
        "{}\nauth required pam_unix.so\naccount required pam_unix.so\naccount {line}\nsession required pam_unix.so\nsession {line}\n",
        AUTH_LINE.trim()
    )
}

fn stacks(release: Release) -> [(&'static str, Bench); 2] {
    [
        ("included", company(release).without_sshd()),
        ("direct", company(release).without_sshd().file("/etc/pam.d/su", 0o644, direct())),
    ]
}

/// Nothing is lost, or both policies are, and the list is left.
const LOST: [&str; 2] = ["true", "mv /var/lib/tom /var/lib/elsewhere"];

/// All at once: su waits two seconds after a refusal.
fn sweep(host: &Host, what: &str, limits: &[String], accounts: &[&str]) -> usize {
    for some in limits.chunks(12) {
        thread::scope(|scope| {
            for (limit, account) in some.iter().flat_map(|limit| accounts.iter().map(move |account| (limit, account))) {
                scope.spawn(move || {
                    let output = su_under(host, &["prlimit", limit, "--"], account);
                    assert_outside(&format!("{what}, {limit}, {account}"), &output);
                });
            }
        });
    }
    limits.iter().filter(|limit| is_inside(&su_under(host, &["prlimit", limit, "--"], "beta"))).count()
}

fn under(limits: &[String]) {
    run_on(Release::Bookworm, |release| {
        for (stack, bench) in stacks(release) {
            let host = bench.start();
            for losing in LOST {
                sh(&host, losing);
                let ordinary =
                    sweep(&host, &format!("{stack}, {losing}"), limits, &["deploy", "wanda", "dora", "root"]);
                // The limits did bite, and let go.
                assert!((1..limits.len()).contains(&ordinary), "{stack}, {losing}: {ordinary} of {}", limits.len());
            }
        }
    });
}

#[test]
fn few_descriptors() {
    let limits: Vec<String> = (3..=14).map(|count| format!("--nofile={count}:{count}")).collect();
    under(&limits);
}

#[test]
fn little_memory() {
    let step = if is_campaign() { 64 } else { 1500 };
    let mut limits: Vec<String> = (3_000..24_000).step_by(step).map(|kib| format!("--as={0}:{0}", kib << 10)).collect();
    limits.push("--as=200000000:200000000".to_owned());
    under(&limits);
}

/// The policy is there, and neither fallback nor list: with just too few descriptors to read the one, the others
/// are seen to be missing. That is no reason to take a named account for an ordinary one.
#[test]
fn few_descriptors_where_the_fallback_and_the_list_are_missing() {
    run_on(Release::Bookworm, |release| {
        let limits: Vec<String> = (3..=14).map(|count| format!("--nofile={count}:{count}")).collect();
        for (stack, bench) in stacks(release) {
            let host = bench.start();
            sh(&host, "rm /etc/tom/governed /var/lib/tom/fallback");
            let _ = sweep(&host, stack, &limits, &["deploy", "bert", "wanda", "dora", "root"]);
        }
    });
}
