//! What is accepted as a confirmation, and what an unconfirmed change may lead to.

use super::{change_waiting, comes_in, enabled, listed, not_enabled, old_root, overdue, without_bert};
use std::fs;
use tom_tests::company::{OFFICE, POLICY, anna, bert};
use tom_tests::on_each_release;

on_each_release! {
    /// Nobody confirmed `tom enable` in time, and nothing undid it (its timer's process was killed). The next
    /// `tom apply` undoes it first, and must not put its lines back.
    fn an_apply_after_an_enable_that_nobody_confirmed(release) {
        let host = not_enabled(release);
        host.run(["tom", "enable", "--as", "anna"]).expect_success();
        overdue(&host);
        let applied = host.run(["tom", "apply", "--now", "--as", "anna"]);
        assert!(!host.path("/var/lib/tom/enabled").exists(), "{applied:#?}");
        assert!(comes_in(&host, &old_root()), "{applied:#?}");
    }

    /// Nobody confirmed a policy of a higher serial in time: the serial of the one that came back counts.
    fn an_apply_after_an_apply_that_nobody_confirmed(release) {
        let host = enabled(release);
        host.write_policy(&without_bert());
        host.run(["tom", "apply", "--as", "anna"]).expect_success();
        overdue(&host);
        host.write_policy(&listed(POLICY));
        host.run(["tom", "apply", "--now", "--as", "anna"]).expect_success();
        assert!(comes_in(&host, &bert()));
    }

    /// The second look of an unattended change, still on its way when that change is long confirmed, does not confirm
    /// the next one, which waits for a person.
    fn a_second_look_at_anothers_change(release) {
        let host = enabled(release);
        host.write_policy(&without_bert());
        host.run(["tom", "apply", "--as", "anna"]).expect_success();
        let looked = host.run(["tom", "confirm", "--by-check"]);
        assert!(host.path("/var/lib/tom/rollback/pending").exists(), "{looked:#?}");
        host.run(["tom", "rollback"]).expect_success();
        assert!(comes_in(&host, &bert()));
        // Its own is confirmed.
        host.run(["tom", "apply", "--unattended"]).expect_success();
        change_waiting(&host, "look", "1");
        host.run(["tom", "confirm", "--by-check"]).expect_success();
        assert!(!host.path("/var/lib/tom/rollback/pending").exists());
    }

    /// What is called before its time, for a timer that got lost meanwhile, sets it anew instead of forgetting it.
    fn called_before_its_time(release) {
        let host = enabled(release);
        host.write_policy(&without_bert());
        host.run(["tom", "apply", "--as", "anna", "--confirm-within", "30"]).expect_success();
        // Without systemd the one of `tom enable --now` is still there: it sleeps for 600.
        let waiting = || host.run(["pgrep", "-f", "^/bin/sh -c sleep [0-9][0-9]?; for"]).stdout;
        let waits = waiting();
        assert_eq!(waits.lines().count(), 1, "{waits}");
        host.run(["kill", waits.trim()]).expect_success();
        while !waiting().is_empty() {}
        host.run(["tom", "rollback", "--unconfirmed"]).expect_success();
        assert_ne!(waiting(), "");
    }

    /// Sessions that somebody made up, or that are not the caller's.
    fn made_up_sessions(release) {
        let host = not_enabled(release);
        host.run(["tom", "enable", "--as", "anna"]).expect_success();
        let refused = |what: &str, script: &str| {
            let output = host.run(["sh", "-c", script]);
            assert_eq!(output.status, Some(1), "{what}: {output:#?}");
            assert!(host.path("/var/lib/tom/rollback/pending").exists(), "{what}");
        };
        refused("a name", "TOM_PERSON=anna TOM_KEY=blue SSH_CONNECTION='203.0.113.5 1 203.0.113.1 22' tom confirm");
        // A daemon that was started in a new login descends from nobody.
        let script = "setsid --fork sh -c 'sleep 1; tom confirm >/tmp/said 2>&1; echo $? >/tmp/code'";
        host.ssh("root").key(&anna()).from(OFFICE).run(script).assert_allowed();
        host.run(["sh", "-c", "while [ ! -s /tmp/code ]; do sleep 0.1; done"]).expect_success();
        assert_eq!(fs::read_to_string(host.path("/tmp/code")).expect("read"), "1\n");
        refused("none", "tom confirm");
        // The backup server's machine has a forced command, and would be no person.
        host.ssh("root").key(&anna()).from(OFFICE).run("tom confirm").assert_allowed();
    }
}
