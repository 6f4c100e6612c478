//! The rehearsal's namespaces end with it, and the host hears nothing of it.

use super::{listed, not_enabled};
use std::fs;
use tom_tests::company::{POLICY, web1};
use tom_tests::on_each_release;

on_each_release! {
    /// What the account's own shell starts in the login that is tried does not outlive it: in those namespaces a policy
    /// counts that is not in force, and no journal hears of what is done.
    fn nothing_outlives_it(release) {
        let host = not_enabled(release);
        let bashrc = "setsid sleep 4711 </dev/null >/dev/null 2>&1 &\n";
        host.write("/root/.bashrc", 0o644, bashrc);
        host.run(["tom", "enable", "--as", "anna", "--dry-run"]).expect_success();
        let left = host.run(["pgrep", "-xf", "sleep 4711"]);
        assert_eq!(left.stdout, "", "{left:#?}");
    }

    /// An account's shell runs by way of trial while a policy counts that nobody has put in force. By that it must not
    /// become root.
    fn nobody_becomes_root_by_a_policy_that_is_tried(release) {
        let host = not_enabled(release);
        let granting = "[[machine]]\nid = \"deploys\"\nowner = \"anna\"\nvia = [\"deploy\"]\naccounts = [\"root\"]\nhosts = [\"*\"]\nreason = \"tried\"\n";
        host.write_policy(&format!("{}\n{granting}", listed(POLICY)));
        host.write("/etc/sudoers.d/deploy", 0o440, "deploy ALL=(root) NOPASSWD: ALL\n");
        host.run(["sh", "-c", "usermod -s /bin/bash deploy; h=$(getent passwd deploy | cut -d: -f6); mkdir -p $h; \
            echo 'sudo -n id -u >/tmp/became 2>/tmp/said' >$h/.bashrc; chown -R deploy $h; chmod 1777 /tmp"]).expect_success();
        let tried = host.run(["tom", "enable", "--as", "anna", "--dry-run"]).expect_success();
        assert!(tried.stdout.contains("came in as deploy, root"), "{tried:#?}");
        assert_eq!(fs::read_to_string(host.path("/tmp/became")).expect("it ran"), "");
    }

    /// Nor does syslog hear of a login that nobody made, where that is all there is.
    fn syslog_hears_nothing(release) {
        let host = web1(release).not_enabled().with_syslog().start();
        host.write_policy(&listed(POLICY));
        host.run(["tom", "enable", "--as", "anna", "--dry-run"]).expect_success();
        let heard = host.syslog().lines();
        assert!(!heard.iter().any(|entry| entry.contains("session") || entry.contains("rehearsal")), "{heard:#?}");
    }

    /// Mounts, files, sockets, processes: as before.
    fn it_leaves_no_trace(release) {
        let host = not_enabled(release);
        let state = || {
            let script = "cat /proc/self/mountinfo | cut -d' ' -f5- | sort; find /run /tmp /var/lib/tom /etc/tom /var/log /etc/ssh -xdev | sort; \
                          cut -d: -f1-3 /proc/net/tcp | grep 0A; true";
            host.run(["sh", "-c", script]).expect_success().stdout
        };
        host.run(["tom", "enable", "--as", "anna", "--dry-run"]).expect_success();
        let before = state();
        host.run(["tom", "enable", "--as", "anna", "--dry-run"]).expect_success();
        assert_eq!(state(), before);
        assert!(!fs::exists(host.path("/var/lib/tom/rehearsal")).expect("asked"));
    }
}
