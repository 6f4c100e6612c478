//! The active policy and the fallback are lost together. An attacker who knows a password waits for that day:
//! whoever is an administrator by a name in the policy was an ordinary user then.

use std::thread;

use super::{assert_outside, company, sh, su};
use tom_tests::{Event, Host, PASSWORD, Release, on_each_release, run_on};

const EVERYTHING: &str = "@include common-auth\n@include common-account\n@include common-session\n";

/// How both are lost, and found again.
const LOSSES: [(&str, &str); 4] = [
    ("chmod g+w /var/lib", "chmod g-w /var/lib"),
    ("mv /var/lib/tom /var/lib/elsewhere", "mv /var/lib/elsewhere /var/lib/tom"),
    (
        "cp -a /var/lib/tom /root/kept; truncate -s 100 /var/lib/tom/active/resolved /var/lib/tom/fallback",
        "rm -r /var/lib/tom; mv /root/kept /var/lib/tom",
    ),
    ("mv /var /var.x; mkdir /var; cp -a /var.x/run /var.x/mail /var/ || :", "rm -r /var; mv /var.x /var"),
];

/// All at once: su waits two seconds after a refusal.
fn all_kept_out(host: &Host, what: &str, accounts: &[&str]) {
    host.journal().clear();
    thread::scope(|scope| {
        for account in accounts {
            scope.spawn(move || assert_kept_out(host, what, account));
        }
    });
}

/// Neither su nor PAM lets the account be entered, by whatever service; and the journal has it.
fn assert_kept_out(host: &Host, what: &str, account: &str) {
    assert_outside(&format!("{what}: su {account}"), &su(host, account));
    let is_it = |event: &Event| event.get("TOM_EVENT") == "refused" && event.get("TOM_ACCOUNT") == account;
    let event = host.journal().wait_for(&format!("{what}: {account} refused"), is_it);
    assert_eq!(event.get("TOM_REASON"), "policy-unusable", "{what}: {event:#?}");
    let typed = format!("{PASSWORD}\n");
    let asked = [
        ("login", "authenticate"),
        ("su", "open_session"),
        ("sudo", "open_session"),
        ("vsftpd", "acct_mgmt"),
        ("sshd", "acct_mgmt"),
    ];
    for (service, phase) in asked {
        let pam = host.pam(service, account).item("ruser", "acme").typing(&typed).ask(&[phase]);
        assert!(!pam.success(), "LET IN: {what}: {service}, {phase} of {account}: {pam:#?}");
    }
}

fn assert_goes_on(host: &Host, what: &str, account: &str) {
    let output = su(host, account).expect_success();
    assert!(output.stdout.contains("INSIDE"), "{what}: {output:#?}");
    let pam = host.pam("vsftpd", account).typing(&format!("{PASSWORD}\n"));
    pam.item("rhost", "203.0.113.200").ask(&["authenticate", "acct_mgmt", "open_session"]).expect_success();
}

on_each_release! {
    /// With /etc/tom/governed nobody becomes an ordinary user.
    fn whom_the_lost_policy_governed_is_still_known(release) {
        let host = company(release).file("/etc/pam.d/vsftpd", 0o644, EVERYTHING).without_sshd().start();
        for (losing, finding) in LOSSES {
            sh(&host, losing);
            all_kept_out(&host, losing, &["deploy", "bert", "archive", "wanda", "dora", "root"]);
            host.journal().clear();
            assert_goes_on(&host, losing, "beta");
            // It is known whom the policy governed: nothing was guessed.
            assert!(host.journal().events().iter().all(|event| event.get("TOM_ACCOUNT") != "beta"));
            sh(&host, finding);
        }
    }

    /// Without it uid 0 and the built-in groups are, and the log says who was taken for an ordinary user.
    fn without_any_list_it_is_a_guess_and_told(release) {
        let host = company(release).file("/etc/pam.d/vsftpd", 0o644, EVERYTHING).without_sshd().start();
        let spoilt = [
            "rm F",
            "rm F; ln -s policy.toml F",
            "rm F; mkfifo F",
            "rm F; mkdir F",
            "rm F; mknod F c 1 3",
            "chown acme F",
            "chmod o+w F",
            "truncate -s 20M F",
            ": >F",
            "printf '\\377\\376\\n\\n account\\n' >F",
            "rm -r /etc/tom",
        ];
        sh(&host, "cp -a /etc/tom /root/tom.sound; mv /var/lib/tom /var/lib/elsewhere");
        for spoiling in spoilt {
            sh(&host, &spoiling.replace('F', "/etc/tom/governed"));
            all_kept_out(&host, spoiling, &["dora", "root"]);
            host.journal().clear();
            assert_goes_on(&host, spoiling, "beta");
            let event = host.journal().event("policy-unusable");
            assert!(event.get("MESSAGE").contains("beta by su, called by acme was taken for an ordinary account"), "{event:#?}");
            sh(&host, "rm -rf /etc/tom; cp -a /root/tom.sound /etc/tom");
        }
        all_kept_out(&host, "the list is back", &["deploy"]);
    }
}

/// A damaged line of the list costs no other name, and a name of the list exempts no service of the four.
#[test]
fn damaged_lines_of_the_list() {
    run_on(Release::Bookworm, |release| {
        let host = company(release).file("/etc/pam.d/vsftpd", 0o644, EVERYTHING).without_sshd().start();
        let list = std::fs::read(host.path("/etc/tom/governed")).expect("the list");
        sh(&host, "mv /var/lib/tom /var/lib/elsewhere");
        let junk = b"\xff\xfe\naccount\naccount \n\0\0\0\nexempt su\nexempt sudo\nexempt sshd\nexempt login\ngroup \n";
        for text in [[&junk[..], &list].concat(), [&list[..], junk].concat()] {
            host.write("/etc/tom/governed", 0o640, text);
            all_kept_out(&host, "junk in the list", &["deploy", "bert", "wanda", "dora", "root"]);
            assert_goes_on(&host, "junk in the list", "beta");
        }
    });
}

/// Programs that are not root ask PAM too (a web server's or a database's authentication, a screen lock). They can
/// read neither policy nor fallback; ordinary users shall not notice, and governed ones shall not get in.
#[test]
fn programs_that_are_not_root_tell_the_two_apart() {
    run_on(Release::Bookworm, |release| {
        let stack = "account required pam_permit.so\n@include common-account\n";
        let own = "account required pam_permit.so\naccount required pam_tom.so\naccount required pam_permit.so\n";
        let host = company(release)
            .file("/etc/pam.d/web", 0o644, own)
            .file("/etc/pam.d/web2", 0o644, stack)
            .without_sshd()
            .start();
        for account in ["deploy", "bert", "wanda", "dora", "root"] {
            let pam = host.pam("web", account).called_by("nagios").ask(&["acct_mgmt"]);
            assert!(!pam.success(), "LET IN: {account}: {pam:#?}");
        }
        host.pam("web", "beta").called_by("nagios").ask(&["acct_mgmt"]).expect_success();
    });
}
