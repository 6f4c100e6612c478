//! The package on machines that are booted with systemd.

#![allow(clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test says what it expects")]

use std::time::{Duration, Instant};

use tom_tests::company::{OFFICE, anna, web1};
use tom_tests::packaged::{is_without_tom, laptop, unchanged};
use tom_tests::{Bench, Machine, Package, on_each_release};

fn state_of(machine: &Machine, unit: &str) -> String {
    machine.systemctl(&["is-enabled", unit]).stdout.trim().to_owned()
}

on_each_release! {
    /// The machine itself: it boots, reboots, loses its power, and keeps its files.
    fn a_machine_boots_and_its_files_stay(release) {
        let mut machine = Bench::on(release).without_tom().boot();
        machine.authorized_keys("root", laptop().public());
        let boot = |machine: &Machine| machine.run(["cat", "/proc/sys/kernel/random/boot_id"]).stdout;
        let started = |machine: &Machine| machine.systemctl(&["show", "--property=UserspaceTimestampMonotonic", "--value"]).stdout;
        let first = (boot(&machine), started(&machine));
        machine.ssh("root").key(&laptop()).from(OFFICE).run("touch /root/was-here").assert_allowed();
        machine.reboot();
        assert_ne!((boot(&machine), started(&machine)), first);
        assert!(machine.path("/root/was-here").exists());
        machine.power_cut();
        machine.boot();
        machine.ssh("root").key(&laptop()).from(OFFICE).run("true").assert_allowed();
    }

    fn installing_enables_one_unit_and_changes_no_login(release) {
        let machine = Bench::on(release).without_tom().boot();
        machine.authorized_keys("root", &format!("{}\n{}", anna().public(), laptop().public()));
        let login = ["/etc/pam.d", "/etc/ssh"];
        let before = machine.files_below(&login);
        let sshd = machine.systemctl(&["show", "--property=MainPID,NRestarts,ActiveEnterTimestampMonotonic", "ssh"]).stdout;
        machine.dpkg_file("--install", &Package::built()).expect_success();
        unchanged(&before, &machine.files_below(&login));
        assert_eq!(machine.systemctl(&["show", "--property=MainPID,NRestarts,ActiveEnterTimestampMonotonic", "ssh"]).stdout, sshd);
        let units = ["tom-rollback-at-boot.service", "tom-rollback.service", "tom-confirm.service"];
        assert_eq!(units.map(|unit| state_of(&machine, unit)), ["enabled", "static", "static"]);
        for unit in units {
            assert_eq!(machine.systemctl(&["is-active", unit]).stdout, "inactive\n", "{unit}");
        }
        machine.run([&["systemd-analyze", "verify", "--man=no"], &units[..]].concat()).expect_success();
        is_without_tom(&machine);
        machine.dpkg(&["--purge", "tom"]).expect_success();
        unchanged(&before, &machine.files_below(&login));
        assert_eq!(machine.systemctl(&["list-unit-files", "--no-legend", "tom-*"]).stdout, "");
    }

    /// systemd's reload, and not a signal: sshd keeps its PID, and what policy-rc.d says does not matter.
    fn removal_reloads_sshd(release) {
        let machine = tom_tests::packaged::enabled_machine(web1(release));
        machine.ssh("root").key(&anna()).from(OFFICE).run("true").assert_allowed();
        machine.ssh("root").key(&laptop()).from(OFFICE).run("true").assert_refused();
        machine.write("/usr/sbin/policy-rc.d", 0o755, "#!/bin/sh\nexit 101\n");
        // A change waits to be confirmed: its rollback must not bring lines back without their files.
        machine.run(["mkdir", "/var/lib/tom/rollback/pending"]).expect_success();
        machine.run(["systemd-run", "--on-active=600", "--unit=tom-rollback.service"]).expect_success();
        machine.systemctl(&["is-active", "tom-rollback.timer"]).expect_success();
        let pid = machine.systemctl(&["show", "--property=MainPID", "ssh"]).stdout;
        machine.dpkg(&["--remove", "tom"]).expect_success();
        is_without_tom(&machine);
        assert_eq!(machine.systemctl(&["is-active", "tom-rollback.timer"]).stdout, "inactive\n");
        assert!(!machine.path("/var/lib/tom/rollback/pending").exists());
        assert_eq!(machine.systemctl(&["show", "--property=MainPID", "ssh"]).stdout, pid);
    }

    /// The rollback of a boot that fails, and fails again, must not keep sshd from starting.
    fn a_rollback_that_fails_does_not_keep_sshd_from_starting(release) {
        let mut machine = Bench::on(release).packaged().boot();
        machine.authorized_keys("root", laptop().public());
        machine.run(["mkdir", "/var/lib/tom/rollback/pending"]).expect_success();
        let program = "#!/bin/sh\necho \"$@\" >>/var/lib/tom/called\nsystemctl is-active ssh >>/var/lib/tom/called\nexit 3\n";
        machine.run(["dpkg-divert", "--local", "--rename", "--add", "/usr/bin/tom"]).expect_success();
        machine.write("/usr/bin/tom", 0o755, program);
        machine.reboot();
        machine.ssh("root").key(&laptop()).from(OFFICE).run("true").assert_allowed();
        let called = || machine.run(["cat", "/var/lib/tom/called"]).expect_success().stdout;
        assert!(called().starts_with("rollback --unconfirmed\ninactive\n"), "before sshd: {}", called());
        // It tries again, and its turn comes when the disk has room, or whatever it was.
        let deadline = Instant::now() + Duration::from_secs(20);
        while called().matches("rollback --unconfirmed").count() < 2 {
            assert!(Instant::now() < deadline, "one try: {}", called());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Started as `tom enable` starts them, by a timer that outlives the session that set it; and with all that they
    /// need in spite of their hardening: PAM, sshd's configuration and reload, state, a login in namespaces of its own.
    fn timers_start_the_units_and_these_can_do_their_work(release) {
        let machine = Bench::on(release).packaged().boot();
        machine.run(["mkdir", "/var/lib/tom/rollback/pending"]).expect_success();
        let work = "#!/bin/sh\nset -e\necho >>/etc/pam.d/common-account\npam-auth-update --package\n\
            echo '# here' >/etc/ssh/sshd_config.d/90-here.conf\nsshd -t\nsystemctl reload ssh\n\
            test -s /etc/shadow\necho done >>/var/lib/tom/did-$1\n\
            [ $1 = rollback ] || unshare --mount --net --pid --fork -- sh -c 'mount -t tmpfs none /mnt && ip link set lo up'\n\
            echo done >>/var/lib/tom/did-$1\n";
        machine.run(["dpkg-divert", "--local", "--rename", "--add", "/usr/bin/tom"]).expect_success();
        machine.write("/usr/bin/tom", 0o755, work);
        for (unit, command) in [("tom-rollback.service", "rollback"), ("tom-confirm.service", "confirm")] {
            let timer = ["systemd-run", "--on-active=1", "--timer-property=AccuracySec=100ms", "--unit", unit];
            machine.run(timer).expect_success();
            let file = machine.path(format!("/var/lib/tom/did-{command}"));
            let deadline = Instant::now() + Duration::from_secs(20);
            while std::fs::read_to_string(&file).unwrap_or_default() != "done\ndone\n" {
                let told = || machine.run(["journalctl", "--no-pager", "--unit", unit]).stdout;
                assert!(Instant::now() < deadline, "{unit}: {}", told());
                std::thread::sleep(Duration::from_millis(100));
            }
        }
        machine.systemctl(&["is-active", "ssh"]).expect_success();
    }
}
