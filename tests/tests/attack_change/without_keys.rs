//! Where nobody has keys of his own, whatever takes tom's lines away must leave a way in, or be refused.

use super::{comes_in, enabled, not_enabled, old_root, without_own_keys};
use std::fs;
use tom_tests::company::{anna, bert};
use tom_tests::on_each_release;
use tom_tests::packaged::unchanged;

on_each_release! {
    /// The package went, its keys stayed, it came back, and `tom enable` is tried and not confirmed: the keys that were
    /// left must come back with the drop-in that names them.
    fn undone_over_keys_that_were_left(release) {
        let host = enabled(release);
        without_own_keys(&host);
        host.run(["tom", "disable", "--for-removal"]).expect_success();
        assert!(comes_in(&host, &anna()));
        host.run(["tom", "enable", "--as", "anna"]).expect_success();
        host.run(["tom", "rollback"]).expect_success();
        assert!(comes_in(&host, &anna()) && comes_in(&host, &bert()), "nobody comes in any more");
        assert!(!comes_in(&host, &old_root()));
    }

    /// Looking on instead of enforcing lets the users' own files decide again; there are none.
    fn observing_where_nobody_has_keys(release) {
        let host = enabled(release);
        without_own_keys(&host);
        for way in [&["--now"][..], &["--unattended"], &[]] {
            let refused = host.run([&["tom", "enable", "--observe", "--as", "anna"], way].concat());
            assert_eq!(refused.status, Some(1), "{way:?}: {refused:#?}");
            assert!(comes_in(&host, &anna()), "{way:?}");
        }
    }

    /// Where they have some, nothing waits for a confirmation that nobody could give: no session is on record there.
    fn observing_where_root_has_keys(release) {
        let host = enabled(release);
        host.run(["tom", "enable", "--observe", "--as", "anna"]).expect_success();
        assert!(comes_in(&host, &old_root()));
        assert!(!host.path("/var/lib/tom/rollback/pending").exists());
    }

    /// A `tom disable` on a host that was removed and installed again takes away the only way in.
    fn disabled_over_keys_that_were_left(release) {
        let host = enabled(release);
        without_own_keys(&host);
        host.run(["tom", "disable", "--for-removal"]).expect_success();
        let refused = host.run(["tom", "disable"]);
        assert!(comes_in(&host, &anna()), "{refused:#?}");
        assert_eq!(refused.status, Some(1), "{refused:#?}");
    }

    /// The file that says `enforce` is lost (a restored /var), the lines are there all the same.
    fn removed_without_its_mark(release) {
        let host = enabled(release);
        without_own_keys(&host);
        fs::remove_file(host.path("/var/lib/tom/enabled")).expect("it was there");
        assert_eq!(host.run(["tom", "disable"]).status, Some(1));
        host.run(["tom", "disable", "--for-removal"]).expect_success();
        assert!(comes_in(&host, &anna()));
    }

    /// The list of revoked keys is damaged when the package goes. Logins are decided by what is left then, and so are
    /// the keys that stay; where that is nobody, the package stays.
    fn removed_with_a_damaged_list(release) {
        let host = enabled(release);
        without_own_keys(&host);
        host.run(["tom", "revoke", "bert", "--reason", "lost"]).expect_success();
        host.run(["sh", "-c", "echo nonsense >>/var/lib/tom/revoked"]).expect_success();
        assert!(!comes_in(&host, &anna()), "no key counts, and none is marked break-glass");
        let before = host.files_below(&["/etc/pam.d", "/etc/ssh"]);
        let refused = host.run(["tom", "disable", "--for-removal"]);
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        unchanged(&before, &host.files_below(&["/etc/pam.d", "/etc/ssh"]));
        // Put in order it goes, without Bert.
        host.run(["sed", "-i", "/nonsense/d", "/var/lib/tom/revoked"]).expect_success();
        host.run(["tom", "disable", "--for-removal"]).expect_success();
        assert!(comes_in(&host, &anna()) && !comes_in(&host, &bert()));
    }

    /// `tom enable` is not confirmed yet, perhaps since nobody's token works, and the package is removed to get out of
    /// it: everything is as before then, and no unconfirmed policy is left in force for good.
    fn removed_before_it_was_confirmed(release) {
        let host = not_enabled(release);
        host.run(["tom", "enable", "--as", "anna"]).expect_success();
        host.run(["tom", "disable", "--for-removal"]).expect_success();
        assert!(comes_in(&host, &old_root()));
        assert!(!host.path("/etc/ssh/sshd_config.d/10-tom.conf").exists());
    }

    /// Keys of an account that a later policy no longer grants are not left from an earlier attempt.
    fn left_twice(release) {
        let host = enabled(release);
        host.write("/etc/ssh/tom-left-keys/dora", 0o644, format!("{}\n", old_root().public()));
        host.run(["tom", "disable", "--for-removal"]).expect_success();
        assert!(!host.path("/etc/ssh/tom-left-keys/dora").exists());
        assert!(comes_in(&host, &anna()));
    }
}
