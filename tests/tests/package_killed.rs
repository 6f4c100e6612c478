//! Each maintainer script killed at each command: an enrolled administrator comes in then, nobody else does while the
//! host is enabled, and the same run of dpkg once more ends the matter.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use std::fs;

use tom_tests::company::web1;
use tom_tests::faults::{Random, is_campaign};
use tom_tests::packaged::{anna_comes_in, enabled, enforces, is_without_tom, listening};
use tom_tests::{Bench, Host, PASSWORD, Package, Release, on_each_release};

/// How many commands of a script `make test` kills at.
const SAMPLE: usize = 2;

/// Puts a script in the place of one of dpkg's that runs it and ends itself by SIGKILL before its command `number`; 0
/// is never. How many commands there were is in /run/bench/commands after a run that was not killed.
fn kill_at(host: &Host, script: &str, number: usize) {
    let (place, original) = (format!("/var/lib/dpkg/info/tom.{script}"), format!("/run/bench/tom.{script}"));
    if !host.path(&original).exists() {
        host.run(["cp", "--archive", &place, &original]).expect_success();
    }
    // $$ is the script's shell, in subshells too.
    let wrapper = format!(
        "#!/bin/bash\nset -o functrace\nat=0\ntrap 'at=$((at + 1)); if [ $at = {number} ]; then kill -KILL $$; fi' DEBUG\n\
         trap 'echo $at >/run/bench/commands' EXIT\n. {original} \"$@\"\n"
    );
    host.write(&place, 0o755, wrapper);
}

fn never_again(host: &Host, script: &str) {
    let (place, original) = (format!("/var/lib/dpkg/info/tom.{script}"), format!("/run/bench/tom.{script}"));
    if host.path(&place).exists() {
        host.run(["cp", "--archive", &original, &place]).expect_success();
    }
}

/// A way through dpkg, one of whose scripts is killed.
struct Way {
    /// A host, ready for it.
    start: fn(Release) -> Host,
    script: &'static str,
    /// The arguments of the dpkg that runs the script.
    dpkg: &'static [&'static str],
    /// What must hold after it was killed.
    meanwhile: fn(&Host),
    /// What must hold after dpkg ran once more.
    finally: fn(&Host),
}

impl Way {
    fn run(&self, release: Release, number: usize) -> (Host, bool) {
        let host = (self.start)(release);
        kill_at(&host, self.script, number);
        let killed = !host.dpkg(self.dpkg).success();
        never_again(&host, self.script);
        (host, killed)
    }

    /// Counts the commands, then kills at each of them, or at a few.
    fn walk(&self, release: Release) {
        let (host, killed) = self.run(release, 0);
        assert!(!killed, "{} fails by itself", self.script);
        (self.finally)(&host);
        let count = fs::read_to_string(host.path("/run/bench/commands")).expect("their number");
        let count: usize = count.trim().parse().expect("a number");
        assert!(count > 3, "{count} commands");
        drop(host);
        let mut random = Random::seeded();
        let numbers: Vec<usize> =
            if is_campaign() { (1..=count).collect() } else { (0..SAMPLE).map(|_| random.below(count) + 1).collect() };
        println!("{} {:?}: {count} commands, killed at {numbers:?}", self.script, self.dpkg);
        for number in numbers {
            let (host, killed) = self.run(release, number);
            assert!(killed, "command {number} of {} was not killed", self.script);
            (self.meanwhile)(&host);
            // What an administrator does next, and what apt does by itself.
            let _ = host.dpkg(&["--configure", "--pending"]);
            (self.meanwhile)(&host);
            host.dpkg(self.dpkg).expect_success();
            (self.finally)(&host);
        }
    }
}

fn later() -> Package {
    Package::built().variant("0.2.0", |_| ())
}

fn unpacked_over_an_enabled_one(release: Release) -> Host {
    let host = enabled(web1(release));
    host.dpkg_file("--unpack", &later()).expect_success();
    host
}

fn unpacked_for_the_first_time(release: Release) -> Host {
    let host = Bench::on(release).without_tom().start();
    host.authorized_keys(
        "root",
        &format!("{}\n{}", tom_tests::company::anna().public(), tom_tests::packaged::laptop().public()),
    );
    host.dpkg_file("--unpack", &Package::built()).expect_success();
    host
}

fn removed(release: Release) -> Host {
    let host = enabled(web1(release));
    host.dpkg(&["--remove", "tom"]).expect_success();
    host
}

fn installed(host: &Host) {
    assert_eq!(host.package_state(), "installed");
    is_without_tom(host);
    for directory in ["/etc/tom/evidence", "/var/lib/tom/rollback"] {
        assert!(host.path(directory).exists(), "{directory}");
    }
}

fn installed_and_enforcing(host: &Host) {
    assert_eq!(host.package_state(), "installed");
    enforces(host);
}

fn gone(host: &Host) {
    assert_eq!(host.package_state(), "config-files");
    is_without_tom(host);
}

fn purged(host: &Host) {
    assert_eq!(host.package_state(), "not-installed");
    is_without_tom(host);
    assert!(!host.path("/etc/tom").exists() && !host.path("/var/lib/tom").exists());
}

on_each_release! {
    fn postinst_of_an_upgrade_under_an_enabled_host(release) {
        let way = Way {
            start: unpacked_over_an_enabled_one,
            script: "postinst",
            dpkg: &["--configure", "--pending"],
            meanwhile: enforces,
            finally: installed_and_enforcing,
        };
        way.walk(release);
    }

    fn postinst_of_the_first_installation(release) {
        let way = Way {
            start: unpacked_for_the_first_time,
            script: "postinst",
            dpkg: &["--configure", "--pending"],
            meanwhile: is_without_tom,
            finally: installed,
        };
        way.walk(release);
    }

    /// Between PAM and sshd tom still decides; then authorized_keys does. She comes in by either.
    fn prerm_of_a_removal(release) {
        let way = Way {
            start: |release| enabled(web1(release)),
            script: "prerm",
            dpkg: &["--remove", "tom"],
            meanwhile: anna_comes_in,
            finally: gone,
        };
        way.walk(release);
    }

    fn postrm_of_a_removal(release) {
        let way = Way {
            start: |release| enabled(web1(release)),
            script: "postrm",
            dpkg: &["--remove", "tom"],
            meanwhile: is_without_tom,
            finally: gone,
        };
        way.walk(release);
    }

    /// dpkg asks no prerm here, so the files go before the lines: for that moment ordinary users alone come in.
    fn postrm_of_a_package_that_is_only_unpacked(release) {
        let way = Way {
            start: unpacked_over_an_enabled_one,
            script: "postrm",
            dpkg: &["--remove", "tom"],
            meanwhile: |host| {
                listening(host);
                host.ssh("anna").password(PASSWORD).run("id").assert_allowed();
            },
            finally: gone,
        };
        way.walk(release);
    }

    fn postrm_of_a_purge(release) {
        let way =
            Way { start: removed, script: "postrm", dpkg: &["--purge", "tom"], meanwhile: is_without_tom, finally: purged };
        way.walk(release);
    }
}
