//! An enforced host goes on working: what root and the system do by themselves passes PAM, and tom.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use std::time::{Duration, Instant};

use tom_tests::company::web1;
use tom_tests::{Host, Output, PASSWORD, Release, on_each_release};

/// What Debian's systemd installs as /etc/pam.d/systemd-user, but for SELinux.
const SYSTEMD_USER: &str =
    "@include common-account\nsession required pam_limits.so\n@include common-session-noninteractive\n";
/// A small package whose installation makes a user, sets its shell and runs something as it.
const PACKAGE: &str = r#"
set -e
mkdir -p /tmp/p/DEBIAN
cat >/tmp/p/DEBIAN/control <<END
Package: small-daemon
Version: 1
Architecture: all
Maintainer: Anna Beispiel <anna@example.net>
Description: a daemon with a user of its own
END
cat >/tmp/p/DEBIAN/postinst <<'END'
#!/bin/sh
set -e
adduser --system --group --home /var/lib/small-daemon --shell /bin/sh small-daemon
chsh -s /bin/bash small-daemon
su small-daemon -s /bin/sh -c 'echo made by $(id -un) >"$HOME/made"'
runuser -u small-daemon -- sh -c 'echo run by $(id -un) >>"$HOME/made"'
END
cat >/tmp/p/DEBIAN/postrm <<'END'
#!/bin/sh
set -e
[ "$1" != purge ] || deluser --system small-daemon
END
chmod 755 /tmp/p/DEBIAN/postinst /tmp/p/DEBIAN/postrm
dpkg-deb --root-owner-group --build /tmp/p /tmp/small-daemon.deb
"#;

/// The host, and proof that tom is in force on it.
fn enforced(release: Release) -> Host {
    let host = web1(release)
        .file("/etc/sudoers.d/all", 0o440, "ALL ALL=(ALL) NOPASSWD: ALL\n")
        .file("/etc/pam.d/systemd-user", 0o644, SYSTEMD_USER)
        .start();
    host.journal().clear();
    let output = host.as_user("acme").stdin(format!("{PASSWORD}\n")).run(["su", "deploy", "-c", "id"]);
    assert!(!output.success() && output.stdout.is_empty(), "{output:#?}");
    assert_eq!(host.journal().event("refused").get("TOM_ACCOUNT"), "deploy");
    host.journal().clear();
    host
}

/// tom was asked, and had nothing to say.
fn assert_no_event(host: &Host) {
    let told: Vec<_> = host.journal().events().into_iter().filter(|event| !event.get("TOM_EVENT").is_empty()).collect();
    assert!(told.is_empty(), "{told:#?}");
}

fn works(host: &Host, line: &str) -> Output {
    let output = host.command().env("DEBIAN_FRONTEND", "noninteractive").run(["sh", "-c", line]);
    assert!(output.success(), "{line}: {output:#?}");
    output
}

on_each_release! {
    fn root_keeps_its_accounts(release) {
        let host = enforced(release);
        let adduser = match release {
            Release::Bookworm => "adduser --gecos '' --disabled-password newcomer",
            Release::Trixie => "adduser --comment '' --disabled-password newcomer",
        };
        for line in [
            adduser,
            "printf 'another-password\\nanother-password\\n' | passwd newcomer",
            "echo 'newcomer:bench-password' | chpasswd",
            "chfn -r 12 newcomer",
            "chsh -s /bin/sh newcomer",
            "usermod -aG users newcomer",
            // An administrator's account too.
            "printf 'another-password\\nanother-password\\n' | passwd deploy",
            "chfn -r 12 deploy",
            "chsh -s /bin/sh deploy",
            "echo 'made:x:4001:4001::/home/made:/bin/sh' | newusers",
            "passwd -l made",
            "deluser newcomer",
        ] {
            works(&host, line);
        }
        let shadow = std::fs::read_to_string(host.path("/etc/passwd")).expect("it is there");
        assert!(shadow.contains("\ndeploy:x:2101:2101:,12,,:/home/deploy:/bin/sh\n"), "{shadow}");
        assert_no_event(&host);
    }

    /// A person's own password is none of tom's matters, also where it opens nothing.
    fn users_keep_their_own(release) {
        let host = enforced(release);
        let typed = format!("{PASSWORD}\nQuite-another-1\nQuite-another-1\n");
        for user in ["acme", "deploy"] {
            let output = host.as_user(user).stdin(typed.clone()).run(["passwd"]);
            assert!(output.success(), "{user}: {output:#?}");
        }
        let output = host.as_user("acme").stdin("Quite-another-1\n").run(["chsh", "-s", "/bin/sh"]);
        assert!(output.success(), "{output:#?}");
        assert_no_event(&host);
    }

    fn root_becomes_others(release) {
        let host = enforced(release);
        for account in ["acme", "deploy", "_tom", "root"] {
            let shell = if account == "_tom" { "-s /bin/sh " } else { "" };
            for line in [
                format!("su {shell}{account} -c 'id -un'"),
                format!("runuser -u {account} -- id -un"),
                format!("runuser -l {account} {shell}-c 'id -un'"),
                format!("sudo -n -u {account} id -un"),
                format!("setpriv --reuid={account} --clear-groups --regid=0 id -un"),
                format!("start-stop-daemon --start --chuid {account} --exec /usr/bin/id -- -un"),
            ] {
                // sh: a login shell of the account's may not be one.
                let output = works(&host, &line);
                assert_eq!(output.stdout.trim(), account, "{line}: {output:#?}");
            }
        }
        assert_no_event(&host);
    }

    fn cron_runs_its_jobs(release) {
        let host = enforced(release);
        let jobs = "@reboot root id -un >/run/by-root\n@reboot deploy id -un >/tmp/by-deploy\n@reboot acme id -un >/tmp/by-acme\n";
        host.write("/etc/cron.d/jobs", 0o644, jobs);
        host.command().stdin("@reboot id -un >/run/own\n").run(["crontab", "-u", "root", "-"]).expect_success();
        host.run(["cron"]).expect_success();
        let started = Instant::now();
        for (file, account) in [("/run/by-root", "root"), ("/tmp/by-deploy", "deploy"), ("/tmp/by-acme", "acme"), ("/run/own", "root")] {
            let written = || std::fs::read_to_string(host.path(file)).unwrap_or_default();
            while written() != format!("{account}\n") {
                assert!(started.elapsed() < Duration::from_secs(10), "{file}: {:?}", written());
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        assert_no_event(&host);
        // The stack by itself, with a governed account.
        for account in ["root", "deploy", "acme"] {
            let phases = ["acct_mgmt", "open_session", "close_session"];
            for service in ["cron", "systemd-user"] {
                let output = host.pam(service, account).ask(&phases);
                // Login uids cannot be set in every namespace; that is pam_loginuid's.
                assert!(output.success() || output.stderr.contains("loginuid"), "{service} {account}: {output:#?}");
            }
        }
        assert_no_event(&host);
    }

    fn packages_are_installed_and_removed(release) {
        let host = enforced(release);
        works(&host, PACKAGE);
        works(&host, "dpkg -i /tmp/small-daemon.deb");
        let made = std::fs::read_to_string(host.path("/var/lib/small-daemon/made")).expect("the postinst's file");
        assert_eq!(made, "made by small-daemon\nrun by small-daemon\n");
        works(&host, "dpkg --purge small-daemon");
        assert_no_event(&host);
    }
}
