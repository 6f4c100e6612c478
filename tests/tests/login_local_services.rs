//! Governed accounts through su, sudo, login and other services: denied, and told so; root's own su and
//! sudo, declared machines and exempt services go on.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{self, policy_with, web1};
use tom_tests::{Bench, Host, Output, PASSWORD, Release, on_each_release};

const TOLD: &str = "tom: this account needs a token";
const EVERYTHING: &str = "@include common-auth\n@include common-account\n@include common-session\n";
const WITHOUT_AUTH: &str =
    "auth required pam_permit.so\n@include common-account\n@include common-session-noninteractive\n";

fn typed() -> String {
    format!("{PASSWORD}\n")
}

fn assert_denied(host: &Host, output: &Output, reason: &str) {
    assert!(!output.success() && output.stdout.lines().all(|line| !line.contains("uid=")), "{output:#?}");
    let event = host.journal().event("refused");
    assert_eq!((event.get("TOM_REASON"), event.get("TOM_VERDICT")), (reason, "deny"), "{event:#?}");
    host.journal().clear();
}

fn assert_told(output: &Output) {
    assert!(output.stderr.contains(TOLD) || output.stdout.contains(TOLD), "not told: {output:#?}");
}

/// sudo as careless as it can be: nobody is asked for a password.
fn with_open_sudo(release: Release) -> Bench {
    web1(release).file("/etc/sudoers.d/all", 0o440, "ALL ALL=(ALL) NOPASSWD: ALL\n")
}

on_each_release! {
    fn su_to_a_governed_account_is_denied_with_the_right_password(release) {
        let host = web1(release).start();
        host.journal().clear();
        for caller in ["acme", "deploy"] {
            for su in [&["su", "deploy", "-c", "id"][..], &["su", "-l", "deploy", "-c", "id"]] {
                let output = host.as_user(caller).stdin(typed()).run(su);
                assert_denied(&host, &output, "no-grant");
                assert_told(&output);
            }
        }
        // A customer becomes another as ever.
        let output = host.as_user("acme").stdin(typed()).run(["su", "beta", "-c", "id -un"]).expect_success();
        assert_eq!(output.stdout, "beta\n");
    }

    fn sudo_to_root_is_denied_also_without_a_password_asked(release) {
        let host = with_open_sudo(release).start();
        host.journal().clear();
        for line in [&["sudo", "-n", "id"][..], &["sudo", "-n", "-i", "id"], &["sudo", "-n", "-u", "deploy", "id"], &["sudo", "-n", "-s", "id"]] {
            let output = host.as_user("acme").run(line);
            assert_denied(&host, &output, "no-grant");
        }
        let output = host.as_user("acme").run(["sudo", "-n", "-u", "beta", "id", "-un"]).expect_success();
        assert_eq!(output.stdout, "beta\n");
    }

    fn a_governed_caller_of_sudo_is_denied_and_told_so(release) {
        let policy = policy_with("services = [\"sshd\"]\nfrom     = [\"office\"]\n\n[[grant]]\nid       = \"archive",
            "services = [\"sshd\"]\nfrom     = [\"office\"]\n\n[[grant]]\nid = \"sudo\"\npersons = [\"bert\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nservices = [\"sudo\", \"su\"]\nvia = [\"bert\"]\n\n[[grant]]\nid       = \"archive");
        let bench = web1(release).policy(&policy).file("/etc/sudoers.d/all", 0o440, "ALL ALL=(ALL) ALL\n");
        let host = bench.start();
        host.journal().clear();
        let output = host.as_user("bert").stdin(typed().repeat(3)).run(["sudo", "-S", "id"]);
        assert_denied(&host, &output, "key-missing");
        assert_told(&output);
        let output = host.as_user("bert").stdin(typed()).run(["su", "-c", "id"]);
        assert_denied(&host, &output, "key-missing");
        assert_told(&output);
    }

    fn root_calling_su_and_sudo_is_not_governed(release) {
        let host = web1(release).start();
        host.journal().clear();
        for account in ["deploy", "acme", "root"] {
            let expected = format!("{account}\n");
            assert_eq!(host.run(["su", account, "-c", "id -un"]).expect_success().stdout, expected);
            assert_eq!(host.run(["su", "-", account, "-c", "id -un"]).expect_success().stdout, expected);
            assert_eq!(host.run(["sudo", "-n", "-u", account, "id", "-un"]).expect_success().stdout, expected);
        }
        assert!(host.journal().events().iter().all(|event| event.get("TOM_EVENT").is_empty()));
    }

    fn a_declared_machine_uses_sudo_as_itself(release) {
        let host = with_open_sudo(release).start();
        host.journal().clear();
        let output = host.as_user("nagios").run(["sudo", "-n", "sh", "-c", "id -un; echo $TOM_MACHINE,$TOM_PERSON"]);
        assert_eq!(output.expect_success().stdout, "root\nicinga-checks,\n");
        let event = host.journal().event("login-allowed");
        let fields = ["TOM_MACHINE", "TOM_INVOKER", "TOM_SERVICE", "TOM_ACCOUNT", "TOM_PERSON"];
        assert_eq!(fields.map(|field| event.get(field)), ["icinga-checks", "nagios", "sudo", "root", ""]);
        // Into root alone, by sudo alone.
        host.journal().clear();
        let output = host.as_user("nagios").run(["sudo", "-n", "-u", "deploy", "id"]);
        assert_denied(&host, &output, "no-grant");
    }

    fn a_console_login_of_a_governed_account_is_denied_and_told_so(release) {
        let host = web1(release).start();
        host.journal().clear();
        for account in ["deploy", "root"] {
            let output = host.pam("login", account).typing(&typed()).ask(&["authenticate"]);
            assert_denied(&host, &output, "no-grant");
            assert_told(&output);
            let session = host.pam("login", account).item("tty", "tty1").ask(&["open_session"]);
            assert_denied(&host, &session, "no-grant");
        }
        host.pam("login", "acme").typing(&typed()).ask(&["authenticate", "acct_mgmt"]).expect_success();
    }

    fn other_services_refuse_governed_accounts_with_the_right_password(release) {
        let host = web1(release).file("/etc/pam.d/vsftpd", 0o644, EVERYTHING).file("/etc/pam.d/dovecot", 0o644, EVERYTHING).start();
        host.journal().clear();
        for service in ["vsftpd", "dovecot"] {
            for address in ["203.0.113.5", ""] {
                let asked = |account: &str, phases: &[&str]| {
                    let pam = host.pam(service, account).typing(&typed());
                    if address.is_empty() { pam.ask(phases) } else { pam.item("rhost", address).ask(phases) }
                };
                asked("deploy", &["authenticate"]).expect_success();
                let output = asked("deploy", &["authenticate", "acct_mgmt"]);
                assert_denied(&host, &output, "no-grant");
                asked("acme", &["authenticate", "acct_mgmt", "open_session"]).expect_success();
                assert_denied(&host, &asked("root", &["acct_mgmt"]), "no-grant");
            }
        }
    }

    fn exempt_services_are_ignored_unless_they_come_from_elsewhere(release) {
        let policy = policy_with("[networks]", "[admin]\nexempt-services = [\"backup-agent\"]\n\n[networks]");
        let exempt = ["cron", "atd", "systemd-user", "backup-agent", "newusers"];
        let bench = web1(release).policy(&policy).file("/etc/pam.d/no-such-exemption", 0o644, WITHOUT_AUTH);
        let add = |bench: Bench, service: &&str| bench.file(&format!("/etc/pam.d/{service}"), 0o644, WITHOUT_AUTH);
        let host = exempt.iter().fold(bench, add).start();
        host.journal().clear();
        for service in exempt {
            for account in ["root", "deploy", "acme"] {
                host.pam(service, account).ask(&["acct_mgmt", "open_session", "close_session"]).expect_success();
            }
            assert!(host.journal().events().is_empty());
            let far = host.pam(service, "root").item("rhost", "203.0.113.5").ask(&["acct_mgmt"]);
            assert_denied(&host, &far, "no-grant");
        }
        for service in ["chfn", "chsh", "passwd"] {
            host.pam(service, "root").ask(&["acct_mgmt"]).expect_success();
        }
        assert_denied(&host, &host.pam("no-such-exemption", "root").ask(&["acct_mgmt"]), "no-grant");
    }

    fn the_account_phase_says_who_is_governed(release) {
        let host = company::web1(release).start();
        // Stacks that tell the two codes apart.
        let success = "account [success=ok default=bad] pam_tom.so\n";
        let ignore = "account [ignore=ignore default=bad] pam_tom.so\naccount required pam_permit.so\n";
        for service in ["login", "su", "su-l", "sudo", "sudo-i"] {
            for (account, governed) in [("root", true), ("deploy", true), ("acme", false), ("nagios", false)] {
                for (stack, fits) in [(success, governed), (ignore, !governed)] {
                    host.write(&format!("/etc/pam.d/{service}"), 0o644, stack);
                    let output = host.pam(service, account).item("ruser", "acme").ask(&["acct_mgmt"]);
                    assert_eq!(output.success(), fits, "{service} {account} {stack}");
                }
            }
        }
    }
}
