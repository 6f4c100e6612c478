//! Break-glass keys open the host when the policy cannot be used, and nothing else does.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expects")]

use tom_tests::faults::{self, Asked, Damage, ELSEWHERE, OFFICE, POLICY, bench, questions, repair};
use tom_tests::{Host, Key, PASSWORD, on_each_release};

const HOOK: &str = "/usr/lib/tom/tom-authorized-keys";
/// The hook linked dynamically, so that the library which stands between programs and the C library's clock
/// stands before it too. The shipped one is linked statically and asks the kernel by itself.
const DYNAMIC_HOOK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/release/tom-authorized-keys");

/// From now on the host's new programs see this moment.
fn set_clock(host: &Host, moment: &str) {
    host.write("/etc/faketimerc", 0o644, format!("@{moment}\n"));
    host.write("/etc/ld.so.preload", 0o644, "/usr/$LIB/faketime/libfaketime.so.1\n");
}

/// Only break-glass opens, and each refusal says `reason`.
fn only_break_glass(host: &Host, reason: &str) {
    host.journal().clear();
    for question in questions() {
        let answer = question.ask(host);
        let expected = question.sound && question.break_glass;
        assert_eq!(question.is_allow(&answer), expected, "{reason}: {}: {answer:#?}", question.name());
    }
    let event = host.journal().event("break-glass-used");
    assert_eq!((event.get("TOM_PERSON"), event.get("TOM_KEY")), ("anna", "safe"));
    assert_eq!((event.get("TOM_FROM"), event.get("PRIORITY")), (OFFICE, "2"));
    let seen = host.journal().events();
    let refused = seen.iter().filter(|event| event.get("TOM_EVENT") == "refused");
    let reasons: Vec<&str> = refused.map(|event| event.get("TOM_REASON")).collect();
    assert!(reasons.len() > 5 && reasons.iter().all(|given| *given == reason), "{reasons:?}");
}

fn logins(host: &Host) {
    let login = |key: &str, from: &str| host.ssh("root").key(&Key::token(key)).from(from).run("id -un");
    assert_eq!(login("anna-safe", OFFICE).assert_allowed().stdout, "root\n");
    login("anna-safe", ELSEWHERE).assert_refused();
    login("anna-blue", OFFICE).assert_refused();
    login("bert-lost", OFFICE).assert_refused();
    login("stranger", OFFICE).assert_refused();
}

on_each_release! {
    fn when_the_clock_is_wrong(release) {
        let hook = std::fs::read(DYNAMIC_HOOK).expect("make build leaves it");
        let mut host = faults::start(bench(release).file(HOOK, 0o755, hook));
        set_clock(&host, "2029-01-01 12:00:00");
        for question in questions() {
            let answer = question.ask(&host);
            assert_eq!(question.is_allow(&answer), question.sound, "2029: {}: {answer:#?}", question.name());
        }
        for moment in ["1970-01-02 00:00:00", "1979-12-31 23:59:00", "2100-01-01 00:00:01", "2200-06-01 00:00:00"] {
            set_clock(&host, moment);
            only_break_glass(&host, "clock-implausible");
        }
        set_clock(&host, "1979-12-31 12:00:00");
        // The library prepares itself in the first process; in sshd's sandbox it would be too late.
        host.restart_sshd();
        logins(&host);
        host.write("/etc/ld.so.preload", 0o644, "");
        host.restart_sshd();
        host.ssh("root").key(&Key::token("anna-blue")).from(OFFICE).run("true").assert_allowed();
    }

    fn when_the_policy_has_expired(release) {
        let expired = POLICY.replace("[token]", "expires = 2025-01-01T00:00:00Z\n[token]");
        let host = faults::start(bench(release).policy(&expired));
        only_break_glass(&host, "policy-expired");
        logins(&host);
        // The line of a break-glass key does not end with the policy.
        let line = questions().into_iter().find(|question| question.is_about("anna-safe")).expect("one");
        assert!(!line.ask(&host).stdout.contains("expiry-time"));
        host.apply(POLICY).expect_success();
        host.ssh("root").key(&Key::token("anna-blue")).from(OFFICE).run("true").assert_allowed();
    }

    fn when_the_policy_is_damaged(release) {
        let host = faults::start(bench(release));
        Damage::Flipped(400).inflict(&host, "/var/lib/tom/active/resolved");
        only_break_glass(&host, "policy-unusable");
        logins(&host);
    }

    /// And never by a machine's key, nor where the fallback lacks one.
    fn a_machine_is_no_way_in(release) {
        let policy = format!("{POLICY}{}", r#"
            [[machine]]
            id = "nightly-backup"
            owner = "anna"
            public = "FILE-KEY(backup-job)"
            accounts = ["root"]
            hosts = ["*"]
            from = ["office"]
            command = "/bin/echo backed up"
            reason = "nightly pull backup"
        "#);
        let host = faults::start(bench(release).policy(&policy));
        let job = || host.ssh("root").key(&Key::file("backup-job")).from(OFFICE).run("");
        assert_eq!(job().assert_allowed().stdout, "backed up\n");
        for path in ["/var/lib/tom/active/resolved", "/var/lib/tom/revoked"] {
            Damage::Owner.inflict(&host, path);
            job().assert_refused();
            repair(&host);
        }
        job().assert_allowed();
    }

    /// `console = "password"`: a local console is then open by password, and nothing else is.
    fn a_console_by_password(release) {
        for (rule, open) in [("token", false), ("password", true)] {
            let text = format!("[break-glass]\nconsole = \"{rule}\"\n");
            let host = faults::start(bench(release).without_sshd().file("/etc/tom/host.toml", 0o644, text));
            // pam_rootok lets root pass su's auth; the session has the last word there.
            let phases = |service: &str| match service {
                "su" | "sudo" => &["authenticate", "acct_mgmt", "open_session"][..],
                _ => &["authenticate", "acct_mgmt"],
            };
            let typed = format!("{PASSWORD}\n");
            let ask = |service: &str, items: &[(&str, &str)]| {
                let mut stack = host.pam(service, "dora").typing(&typed);
                for (name, value) in items {
                    stack = stack.item(name, value);
                }
                stack.ask(phases(service))
            };
            let console = [("tty", "/dev/tty1")];
            assert!(!ask("login", &console).success(), "a sound policy: {rule}");
            Damage::Truncated(99).inflict(&host, "/var/lib/tom/active/resolved");
            host.journal().clear();
            let answer = ask("login", &console);
            assert_eq!(answer.success(), open, "{rule}: {answer:#?}");
            if open {
                let event = host.journal().event("console-by-password");
                assert_eq!(event.get("TOM_REASON"), "break-glass-console");
            }
            // With an address it is no local console, and su and sudo are none.
            assert!(!ask("login", &[("rhost", OFFICE)]).success(), "{rule}");
            assert!(!ask("sshd", &[("rhost", OFFICE)]).success(), "{rule}");
            assert!(!ask("su", &[("ruser", "acme")]).success(), "{rule}");
            assert!(!ask("sudo", &[("ruser", "dora")]).success(), "{rule}");
            for question in questions().iter().filter(|question| question.asked != Asked::Hook) {
                let allowed = question.is_allow(&question.ask(&host));
                assert_eq!(allowed, question.sound && question.break_glass, "{rule}: {}", question.name());
            }
            repair(&host);
            assert!(!ask("login", &console).success(), "repaired: {rule}");
        }
    }
}
