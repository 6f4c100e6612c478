//! What `tom enable` leaves is what `tom doctor` finds nothing wrong with.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use tom_tests::company::{OFFICE, anna};
use tom_tests::examined::{Examined, sound};
use tom_tests::{Host, Release, on_each_release, skipped};

/// The sample company's host before `tom enable`, as sound as one can be. Nothing where this `tom` has no `enable` yet.
fn not_enabled(release: Release) -> Option<Host> {
    let mut host = sound(release).start();
    let script = "rm /var/lib/tom/enabled /etc/ssh/sshd_config.d/10-tom.conf; sed -i /pam_tom/d /etc/pam.d/*";
    host.run(["sh", "-ec", script]).expect_success();
    host.restart_sshd();
    if host.run(["tom", "enable", "--dry-run"]).stderr.contains("not built yet") {
        skipped("'tom enable' is not built yet");
        return None;
    }
    Some(host)
}

on_each_release! {
    fn an_enabled_host_is_sound(release) {
        let Some(host) = not_enabled(release) else { return };
        assert_eq!(Examined::of(&host).ids(), ["not-enabled"]);
        host.command().timeout(std::time::Duration::from_secs(120)).run(["tom", "enable", "--as", "anna"]).expect_success();
        let waiting = Examined::of(&host);
        assert_eq!(waiting.ids(), ["change-pending"], "{:#}", waiting.document);
        host.ssh("root").key(&anna()).from(OFFICE).run("tom confirm").assert_allowed();
        let sound = Examined::of(&host);
        assert_eq!(sound.document["findings"], serde_json::json!([]), "{:#}", sound.document);
        assert_eq!((sound.status, &sound.document["mode"]), (Some(0), &serde_json::json!("enforce")));
        host.run(["tom", "disable", "--leave-keys"]).expect_success();
        let after = Examined::of(&host);
        assert_eq!(after.ids(), ["not-enabled", "left-keys"], "{:#}", after.document);
    }

    fn an_observing_host_is_sound_but_for_that(release) {
        let Some(host) = not_enabled(release) else { return };
        host.run(["tom", "enable", "--observe", "--now", "--as", "anna"]).expect_success();
        host.write("/usr/bin/journalctl", 0o755, "#!/bin/sh\n");
        let examined = Examined::of(&host);
        assert_eq!(examined.ids(), ["observing"], "{:#}", examined.document);
        assert!(examined.notes().is_empty() && examined.unknown().is_empty(), "{:#}", examined.document);
    }
}
