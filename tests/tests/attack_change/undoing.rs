//! What comes back, and what does not.

use super::{comes_in, enabled, listed, not_enabled, old_root, without_bert};
use std::fs;
use tom_tests::company::{POLICY, anna, bert};
use tom_tests::on_each_release;

on_each_release! {
    /// Another package changes PAM's stacks while `tom enable` waits. Its change stays; tom's lines go.
    fn what_another_package_changed_meanwhile(release) {
        let host = not_enabled(release);
        let profile = "Name: other\nDefault: yes\nPriority: 200\nAccount-Type: Additional\nAccount:\n\trequired pam_permit.so other\n";
        host.run(["tom", "enable", "--as", "anna"]).expect_success();
        host.write("/usr/share/pam-configs/other", 0o644, profile);
        host.run(["pam-auth-update", "--enable", "other"]).expect_success();
        host.write("/etc/pam.d/sudo", 0o644, {
            let text = fs::read_to_string(host.path("/etc/pam.d/sudo")).expect("read");
            format!("{text}session optional pam_permit.so operator\n")
        });
        host.run(["tom", "rollback"]).expect_success();
        let account = fs::read_to_string(host.path("/etc/pam.d/common-account")).expect("read");
        assert!(account.contains("pam_permit.so other"), "{account}");
        let sudo = fs::read_to_string(host.path("/etc/pam.d/sudo")).expect("read");
        assert!(sudo.contains("operator"), "{sudo}");
        assert_eq!(host.run(["grep", "-r", "pam_tom", "/etc/pam.d"]).stdout, "");
        assert!(comes_in(&host, &old_root()));
    }

    /// tom is upgraded while a policy waits: what comes back is in a form that the new version does not read.
    fn what_comes_back_is_of_another_version(release) {
        let host = enabled(release);
        host.write_policy(&without_bert());
        host.run(["tom", "apply", "--as", "anna"]).expect_success();
        for file in ["active/resolved", "fallback"] {
            let path = host.path(format!("/var/lib/tom/rollback/pending/before/var/lib/tom/{file}"));
            let mut bytes = fs::read(&path).expect("read");
            bytes[11] = b'9';
            fs::write(&path, bytes).expect("written");
        }
        host.run(["tom", "rollback"]).expect_success();
        assert!(comes_in(&host, &anna()) && comes_in(&host, &bert()));
    }

    /// A token is revoked while a change waits: it is out also of what comes back, and of the copies for the day on
    /// which the list is lost; and one that was let in again does not stay out by a copy.
    fn revocations_while_a_change_waits(release) {
        let host = enabled(release);
        host.run(["tom", "revoke", "cora"]).expect_success();
        host.write_policy(&listed(POLICY).replace("serial   = 2026112301", "serial   = 2026112401"));
        host.run(["tom", "apply", "--as", "anna"]).expect_success();
        host.run(["tom", "revoke", "anna:red"]).expect_success();
        host.run(["tom", "revoke", "--undo", "cora"]).expect_success();
        host.run(["tom", "rollback"]).expect_success();
        let red = tom_tests::Key::ecdsa_token("anna-red");
        let cora = tom_tests::Key::token("cora-blue");
        assert!(comes_in(&host, &cora), "she counts again");
        assert!(!comes_in(&host, &red));
        fs::remove_file(host.path("/var/lib/tom/revoked")).expect("it was there");
        assert!(!comes_in(&host, &red), "the copy knows it too");
        assert!(comes_in(&host, &anna()));
    }

    /// Links in the places of what comes back are replaced, never written through.
    fn nothing_is_written_through_a_link(release) {
        let host = not_enabled(release);
        host.run(["tom", "enable", "--as", "anna"]).expect_success();
        host.write("/root/victim", 0o600, "victim\n");
        host.run(["sh", "-c", "ln -sf /root/victim /etc/pam.d/common-account; ln -sf /root/victim /etc/ssh/sshd_config.d/10-tom.conf"]).expect_success();
        host.run(["tom", "rollback"]).expect_success();
        assert_eq!(fs::read_to_string(host.path("/root/victim")).expect("read"), "victim\n");
        assert!(comes_in(&host, &old_root()));
    }
}
