//! `tom apply` fails half-way: one of its renames does not work. After an error the policy of before decides, and
//! what is left of it when it is damaged later; after success the new one, which took a break-glass key out.

use super::{assert_outside, line, sh, su};
use tom_tests::faults::{self, POLICY, Step, Traced, bench, is_campaign};
use tom_tests::{Bench, Host, Key, Release, run_on};

fn safe() -> Key {
    Key::token("anna-safe")
}

/// Anna's break-glass key is another, `deploy` is not granted any more, `archive` is.
fn new_policy() -> String {
    let new = POLICY
        .replace("TOKEN(anna-safe)", "TOKEN(anna-new)")
        .replace("2026112301", "2026112302")
        .replace("\"root\", \"deploy\"", "\"root\", \"archive\"");
    assert_ne!(new, POLICY);
    new
}

fn start(release: Release) -> Host {
    let bench: Bench = bench(release).account(tom_tests::Account::person("archive", 2102));
    faults::start(bench.without_sshd())
}

/// Who decides: the old policy or the new; now, with a damaged `resolved`, and with nothing but the list.
fn assert_decides(host: &Host, what: &str, is_new: bool) {
    let keys = [(safe(), !is_new), (Key::token("anna-new"), is_new)];
    let check = |state: &str| {
        for (key, gets_a_line) in &keys {
            assert_eq!(!line(host, "root", key).is_empty(), *gets_a_line, "{what}, {state}: {}", key.name());
        }
        assert_eq!(line(host, "root", &Key::token("bert-lost")), "", "{what}, {state}");
    };
    check("sound");
    sh(host, "truncate -s 50 /var/lib/tom/active/resolved");
    check("damaged");
    sh(host, "mv /var/lib/tom /var/lib/elsewhere");
    let governed = if is_new { "archive" } else { "deploy" };
    assert_outside(&format!("{what}: {governed}"), &su(host, governed));
    sh(host, "mv /var/lib/elsewhere /var/lib/tom");
}

fn renames(host: &Host) -> Vec<Step> {
    let traced = apply(host);
    let (steps, output) = traced.steps(None);
    assert!(output.success(), "{output:#?}");
    let found: Vec<Step> = steps.into_iter().filter(|step| step.call.starts_with("rename")).collect();
    println!("{found:#?}");
    found
}

fn apply(host: &Host) -> Traced<'_> {
    Traced::new(host, None, ["tom", "apply", "--now"].map(str::to_owned).to_vec())
}

#[test]
fn a_rename_that_fails_once() {
    run_on(Release::Bookworm, |release| {
        let host = start(release);
        sh(
            &host,
            "tom apply --now && cp -a /etc/tom /root/etc.old && rm -r /root/tom.sound && cp -a /var/lib/tom /root/tom.sound",
        );
        let restore = || {
            faults::repair(&host);
            sh(&host, "rm -r /etc/tom; cp -a /root/etc.old /etc/tom");
            host.write_policy(&new_policy());
        };
        restore();
        let steps = renames(&host);
        assert!(steps.len() >= 5, "{steps:#?}");
        for step in &steps {
            for error in
                if is_campaign() { &["EIO", "ENOENT", "EINVAL", "EBUSY", "ENOSPC"][..] } else { &["EIO", "ENOENT"] }
            {
                restore();
                host.journal().clear();
                let what = format!("{error}: {}", step.line);
                let injected = apply(&host).inject(step, &format!("error={error}"));
                assert!(injected.hit, "{what}");
                let is_new = injected.output.success();
                println!("{what}: {is_new} {}", injected.output.stderr);
                let _ = host.journal().event(if is_new { "policy-applied" } else { "apply-refused" });
                let other = if is_new { "apply-refused" } else { "policy-applied" };
                assert!(host.journal().events().iter().all(|event| event.get("TOM_EVENT") != other), "{what}");
                assert_decides(&host, &what, is_new);
                // And the next run works.
                restore();
                let _ = apply(&host).inject(step, &format!("error={error}"));
                host.run(["tom", "apply", "--now"]).expect_success();
                assert_decides(&host, &format!("{what}, then applied"), true);
            }
        }
    });
}

/// The very first policy: what failed to become active leaves nothing behind that lets somebody in.
#[test]
fn a_first_policy_that_fails() {
    run_on(Release::Bookworm, |release| {
        let host = start(release);
        sh(
            &host,
            "rm -r /root/tom.sound; rm -r /var/lib/tom/active /var/lib/tom/fallback /var/lib/tom/rollback; rm -f /etc/tom/governed; cp -a /var/lib/tom /root/tom.sound",
        );
        let steps = renames(&host);
        for step in &steps {
            faults::repair(&host);
            sh(&host, "rm -f /etc/tom/governed");
            let injected = apply(&host).inject(step, "error=EIO");
            let is_new = injected.output.success();
            println!("{}: {is_new}", step.line);
            assert_eq!(!line(&host, "root", &safe()).is_empty(), is_new, "{}", step.line);
        }
    });
}

/// The directory for the policy before is a file: that costs the way back, not the new policy; it is said so.
#[test]
fn no_place_for_the_policy_before() {
    run_on(Release::Bookworm, |release| {
        let host = start(release);
        for spoiling in [
            "touch R",
            "ln -s /nowhere R",
            "mkdir R; touch R/previous R/older",
            "mkdir -p R/previous/x R/older/y; chattr +i R 2>/dev/null || :",
        ] {
            faults::repair(&host);
            sh(&host, &format!("rm -rf R; {spoiling}").replace('R', "/var/lib/tom/rollback"));
            host.write_policy(&new_policy());
            host.journal().clear();
            let applied = host.run(["tom", "apply", "--now"]).expect_success();
            assert!(applied.stdout.contains("is active"), "{applied:#?}");
            if spoiling.starts_with("touch") {
                assert!(applied.stderr.contains("the new policy is active all the same"), "{applied:#?}");
            }
            assert!(host.journal().events().iter().all(|event| event.get("TOM_EVENT") != "apply-refused"));
            assert_decides(&host, spoiling, true);
            sh(&host, "chattr -i /var/lib/tom/rollback 2>/dev/null || :");
        }
    });
}
