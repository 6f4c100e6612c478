//! Adversarial cases 12, 21 and 25: keys in other places, tickets of sudo, and an upgrade or removal that is cut off.

#![allow(clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use tom_tests::company::{OFFICE, anna};
use tom_tests::examined::{Examined, sound};
use tom_tests::{Host, Key, Refusal, Release, on_each_release};

/// An enforcing host without anything wrong, and root's old key where root had it.
fn with_old_key(release: Release) -> Host {
    let host = sound(release).start();
    for name in ["authorized_keys", "authorized_keys2"] {
        host.write(&format!("/root/.ssh/{name}"), 0o600, format!("{}\n", old().public()));
    }
    host
}

fn old() -> Key {
    Key::file("old-root")
}

/// Another file of sshd's, sorted before tom's; the running sshd reads it.
fn with_drop_in(host: &mut Host, text: &str) {
    host.write("/etc/ssh/sshd_config.d/05-other.conf", 0o644, text);
    host.restart_sshd();
}

on_each_release! {
    fn case_12_a_key_in_roots_own_files(release) {
        let host = with_old_key(release);
        host.ssh("root").key(&old()).from(OFFICE).run("true").assert_refused();
        assert_eq!(Examined::of(&host).status, Some(0), "sshd does not read them");
        host.ssh("root").key(&anna()).from(OFFICE).run("true").assert_allowed();
    }

    /// A Match that sorts earlier lets sshd take the key; PAM still refuses it, and the doctor fails hard.
    fn case_12_a_match_sorted_earlier(release) {
        let mut host = with_old_key(release);
        with_drop_in(&mut host, "Match User root\n    AuthorizedKeysFile .ssh/authorized_keys\n");
        let login = host.ssh("root").key(&old()).from(OFFICE).run("true");
        login.assert_refused_by(Refusal::PamSession);
        let examined = Examined::of(&host);
        assert_eq!((examined.status, examined.ids()), (Some(1), vec!["sshd-authorized-keys-file"]));
    }

    fn case_12_a_certificate_authority(release) {
        let mut host = with_old_key(release);
        host.write("/etc/ssh/ca.pub", 0o644, format!("{}\n", Key::file("authority").public()));
        with_drop_in(&mut host, "Match User root\n    TrustedUserCAKeys /etc/ssh/ca.pub\n");
        let certified = Key::file("stranger").certified_by(&Key::file("authority"), "root");
        host.ssh("root").key(&certified).from(OFFICE).run("true").assert_refused();
        let examined = Examined::of(&host);
        assert_eq!((examined.status, examined.ids()), (Some(1), vec!["sshd-trusted-user-ca-keys"]));
    }

    /// Tickets that others can use, no question at all, no session: each is named.
    fn case_21_what_sudo_leaves_out(release) {
        let host = sound(release).start();
        for (line, id) in [
            ("Defaults timestamp_type=global", "sudo-tickets"),
            ("Defaults timestamp_timeout=-1", "sudo-tickets"),
            ("Defaults !authenticate", "sudo-not-authenticating"),
            ("Defaults !pam_session", "sudo-pam-session"),
        ] {
            host.write("/etc/sudoers.d/case-21", 0o440, format!("{line}\n"));
            let examined = Examined::of(&host);
            assert_eq!((examined.status, examined.ids()), (Some(1), vec![id]), "{line}");
        }
    }

    /// The package is unpacked and not configured: logins go on by the policy, and the doctor says so. (Every line of
    /// the maintainer scripts: package_killed.rs.)
    fn case_25_an_upgrade_cut_off(release) {
        let host = with_old_key(release);
        let status = "Package: tom\nStatus: install ok half-configured\nArchitecture: amd64\nVersion: 9.0\n\
                      Maintainer: x <x@example.net>\nDescription: x\n\n";
        let script = format!("printf '{status}' >>/var/lib/dpkg/status");
        host.run(["sh", "-ec", &script]).expect_success();
        host.ssh("root").key(&anna()).from(OFFICE).run("true").assert_allowed();
        host.ssh("root").key(&old()).from(OFFICE).run("true").assert_refused();
        let examined = Examined::of(&host);
        assert!(examined.ids().contains(&"package-state"), "{examined:#?}");
    }
}
