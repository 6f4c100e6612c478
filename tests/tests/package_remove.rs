//! Removing: tom's lines go before its files, whatever state the host is in, and nobody is locked out.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use std::fs;

use tom_tests::company::{OFFICE, anna, web1};
use tom_tests::packaged::{DROP_IN, MODULE, anna_comes_in, enabled, enforces, is_without_tom, lines_of_pam, unchanged};
use tom_tests::{AUTH_LINE, Bench, Host, Package, on_each_release};

fn read(host: &Host, path: &str) -> String {
    fs::read_to_string(host.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

on_each_release! {
    fn removal_takes_every_line_out_and_sshd_reads_its_configuration_again(release) {
        let host = enabled(web1(release));
        enforces(&host);
        let before_tom = Bench::on(release).without_tom().start();
        host.dpkg(&["--remove", "tom"]).expect_success();
        assert_eq!(host.package_state(), "config-files");
        is_without_tom(&host);
        for path in [MODULE, "/usr/bin/tom", "/usr/lib/tom/tom-authorized-keys"] {
            assert!(!host.path(path).exists(), "{path}");
        }
        // Byte for byte as on a host that never had it, owners and modes included.
        unchanged(&before_tom.files_below(&["/etc/pam.d"]), &host.files_below(&["/etc/pam.d"]));
        // The policy is the operator's: it stays.
        assert!(host.path("/etc/tom/policy.toml").exists() && host.path("/var/lib/tom/active").exists());
    }

    fn reinstalled_it_has_the_policy_and_enables_nothing(release) {
        let host = enabled(web1(release));
        host.dpkg(&["--remove", "tom"]).expect_success();
        host.dpkg_file("--install", &Package::built()).expect_success();
        is_without_tom(&host);
        let explained = host.run(["tom", "explain", "--account", "root", "--service", "sshd", "--from", OFFICE, "--person", "anna"]);
        explained.expect_success();
    }

    fn purge_takes_policy_and_state_and_leaves_the_user(release) {
        let host = enabled(web1(release));
        host.dpkg(&["--purge", "tom"]).expect_success();
        assert_eq!(host.package_state(), "not-installed");
        is_without_tom(&host);
        for path in ["/etc/tom", "/var/lib/tom", "/run/tom", "/etc/systemd/system/multi-user.target.wants/tom-rollback-at-boot.service"] {
            assert!(fs::symlink_metadata(host.path(path)).is_err(), "{path}");
        }
        host.run(["getent", "passwd", "_tom"]).expect_success();
        host.dpkg_file("--install", &Package::built()).expect_success();
        is_without_tom(&host);
        assert!(host.path("/etc/tom/evidence").exists());
    }

    fn an_observing_host_is_left_as_it_was(release) {
        let host = web1(release).packaged().start();
        let before = host.files_below(&["/etc/pam.d"]);
        host.run(["pam-auth-update", "--enable", "tom-observe"]).expect_success();
        let stack = read(&host, "/etc/pam.d/common-session");
        assert!(stack.contains("session\t[default=ignore]\tpam_tom.so observe"), "{stack}");
        host.write("/var/lib/tom/enabled", 0o640, "mode = \"observe\"\nsince = \"2026-11-25T12:00:00Z\"\n");
        host.dpkg(&["--remove", "tom"]).expect_success();
        unchanged(&before, &host.files_below(&["/etc/pam.d"]));
        assert!(!host.path("/var/lib/tom/enabled").exists());
    }

    /// pam-auth-update says "Local modifications … not updating", ends with 0, and leaves our line.
    fn a_common_account_that_was_edited_by_hand_loses_our_line_and_no_other(release) {
        let host = enabled(web1(release));
        let account = read(&host, "/etc/pam.d/common-account");
        let line = account.lines().find(|line| line.contains("pam_tom.so")).expect("our line").to_owned();
        // In the middle of what pam-auth-update manages, as configuration tools do it; with another mode.
        let mark = "account\trequisite";
        assert!(account.contains(mark), "{account}");
        let own = "account\trequired\tpam_access.so accessfile=/etc/none\n";
        let edited = account.replace(&format!("{line}\n"), &format!("{own}{line}\n")).replace(mark, "# ours: pam_tom.so\naccount requisite");
        host.write("/etc/pam.d/common-account", 0o640, &edited);
        host.run(["chgrp", "_tom", "/etc/pam.d/common-account"]).expect_success();
        host.run(["touch", "/etc/none"]).expect_success();
        // And one of nobody's but the operator's, over two lines.
        let cockpit = "account required pam_unix.so\naccount required \\\n  /usr/lib/x86_64-linux-gnu/security/pam_tom.so\n";
        host.write("/etc/pam.d/cockpit", 0o644, cockpit);
        host.dpkg(&["--remove", "tom"]).expect_success();
        assert_eq!(lines_of_pam(&host), "");
        assert_eq!(read(&host, "/etc/pam.d/common-account"), edited.replace(&format!("{line}\n"), ""));
        assert_eq!(read(&host, "/etc/pam.d/cockpit"), "account required pam_unix.so\n");
        let kept = host.run(["stat", "--format=%a %U %G", "/etc/pam.d/common-account"]).stdout;
        assert_eq!(kept, "640 root _tom\n");
        let left = host.run(["ls", "-A", "/etc/pam.d"]).stdout;
        assert!(!left.contains("tom"), "{left}");
        host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
    }

    /// A jump that counted our line must not land behind the module that it jumped to.
    fn a_jump_over_our_line_keeps_its_target(release) {
        let host = web1(release).packaged().start();
        let stack = "auth [success=2 default=ignore] pam_permit.so\nauth required pam_tom.so\nauth requisite pam_deny.so\n\
             auth required pam_deny.so\nauth required pam_permit.so\naccount required pam_permit.so\n";
        host.write("/etc/pam.d/counted", 0o644, stack);
        let answer = |host: &Host| host.pam("counted", "anna").ask(&["authenticate"]).success();
        assert!(!answer(&host), "the jump lands on pam_deny");
        host.dpkg(&["--remove", "tom"]).expect_success();
        let left = read(&host, "/etc/pam.d/counted");
        assert_eq!(left, stack.replace("auth required pam_tom.so", "auth\t[default=ignore]\tpam_permit.so"));
        assert!(!answer(&host), "without our line it would have landed on pam_permit: an open door");
    }

    fn without_the_profile_tool_and_without_sshd(release) {
        let host = web1(release).packaged_and_enabled().without_sshd().start();
        for path in ["/usr/sbin/pam-auth-update", "/usr/sbin/sshd"] {
            fs::remove_file(host.path(path)).expect("it was there");
        }
        assert!(lines_of_pam(&host).contains(AUTH_LINE.trim()));
        host.dpkg(&["--remove", "tom"]).expect_success();
        assert_eq!(host.package_state(), "config-files");
        assert_eq!(lines_of_pam(&host), "");
        assert!(!host.path(DROP_IN).exists());
    }

    /// dpkg asks no prerm of a package that is unpacked and was never configured.
    fn a_package_that_is_only_unpacked_takes_its_lines_along(release) {
        let host = enabled(web1(release));
        let later = Package::built().variant("0.2.0", |_| ());
        host.dpkg_file("--unpack", &later).expect_success();
        assert_eq!(host.package_state(), "unpacked");
        enforces(&host);
        host.dpkg(&["--remove", "tom"]).expect_success();
        assert!(!host.path(MODULE).exists());
        is_without_tom(&host);
    }

    /// Nothing is removed where that would lock administrators out.
    fn a_line_that_cannot_be_taken_out_keeps_the_package(release) {
        let host = enabled(web1(release));
        let own = "AuthorizedKeysCommand /usr/lib/tom/tom-authorized-keys %u %t %k\nAuthorizedKeysCommandUser _tom\n";
        host.write("/etc/ssh/sshd_config.d/50-own.conf", 0o644, own);
        let removed = host.dpkg(&["--remove", "tom"]);
        assert!(!removed.success() && removed.stderr.contains("/etc/ssh/sshd_config.d/50-own.conf"), "{removed:#?}");
        assert_eq!(host.package_state(), "installed");
        assert!(host.path("/usr/lib/tom/tom-authorized-keys").exists() && host.path(MODULE).exists());
        anna_comes_in(&host);
        fs::remove_file(host.path("/etc/ssh/sshd_config.d/50-own.conf")).expect("it goes");
        host.dpkg(&["--remove", "tom"]).expect_success();
        is_without_tom(&host);
    }

    fn a_read_only_etc_keeps_the_package(release) {
        let host = enabled(web1(release));
        host.run(["sh", "-c", "mount --bind /etc/pam.d /etc/pam.d && mount -o remount,bind,ro /etc/pam.d"]).expect_success();
        let removed = host.dpkg(&["--remove", "tom"]);
        assert!(!removed.success() && removed.stderr.contains("/etc/pam.d/common-account"), "{removed:#?}");
        assert!(host.path(MODULE).exists());
        anna_comes_in(&host);
        host.run(["umount", "/etc/pam.d"]).expect_success();
        host.dpkg(&["--remove", "tom"]).expect_success();
        is_without_tom(&host);
    }

    /// Every file is the old one or the new one, whole.
    fn a_full_disk_keeps_the_package(release) {
        let host = enabled(web1(release));
        let before = host.files_below(&["/etc/pam.d"]);
        let fill = "mkdir /run/pam.d && mount -t tmpfs -o size=1m full /run/pam.d && cp -a /etc/pam.d/. /run/pam.d && \
            { cat /dev/zero >/run/pam.d/.full 2>/dev/null || true; } && mount --bind /run/pam.d /etc/pam.d";
        host.run(["sh", "-c", fill]).expect_success();
        let removed = host.dpkg(&["--remove", "tom"]);
        assert!(!removed.success() && removed.stderr.contains("lock administrators out"), "{removed:#?}");
        assert_eq!(host.package_state(), "installed");
        assert!(host.path(MODULE).exists());
        fs::remove_file(host.path("/etc/pam.d/.full")).expect("the filler");
        let changed = tom_tests::changed(&before, &host.files_below(&["/etc/pam.d"]));
        let lines = lines_of_pam(&host);
        assert!(!changed.iter().any(|path| lines.contains(&format!("/{path}:"))), "{changed:?} changed, and still {lines}");
        anna_comes_in(&host);
        // By the policy, and not by a key of root's own.
        host.authorized_keys("root", "");
        anna_comes_in(&host);
        host.dpkg(&["--remove", "tom"]).expect_success();
        host.run(["umount", "/etc/pam.d"]).expect_success();
    }

    /// A drop-in of that name that somebody else wrote is theirs.
    fn a_drop_in_that_is_not_ours_stays(release) {
        let host = web1(release).packaged().start();
        host.write(DROP_IN, 0o644, "# ours\nMaxAuthTries 5\n");
        host.dpkg(&["--purge", "tom"]).expect_success();
        assert_eq!(read(&host, DROP_IN), "# ours\nMaxAuthTries 5\n");
    }

    /// Another package takes the place of one that ours needs: files stay, and so does enforcement.
    fn deconfigured_it_goes_on_enforcing(release) {
        let host = enabled(web1(release));
        let before = host.files_below(&["/etc/pam.d", "/etc/ssh"]);
        let script = "/var/lib/dpkg/info/tom.prerm";
        host.run([script, "deconfigure", "in-favour", "other", "1.0", "removing", "libpam-runtime", "1.0"]).expect_success();
        host.run([script, "upgrade", "0.2.0"]).expect_success();
        host.run([script, "failed-upgrade", "0.2.0"]).expect_success();
        unchanged(&before, &host.files_below(&["/etc/pam.d", "/etc/ssh"]));
        enforces(&host);
    }
}
