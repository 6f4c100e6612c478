//! Installing, upgrading, downgrading: nothing that decides a login changes by it.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use tom_tests::company::{ELSEWHERE, OFFICE, anna, bert, web1};
use tom_tests::packaged::{enabled, enforces, unchanged};
use tom_tests::{Bench, Host, Package, changed, on_each_release};

/// What decides logins, but for the programs.
const LOGIN: [&str; 3] = ["/etc/pam.d", "/etc/ssh", "/etc/sudoers.d"];

fn owner_and_mode(host: &Host, path: &str) -> (String, u32) {
    let owner = host.run(["stat", "--format=%U:%G", path]).expect_success().stdout;
    let mode = fs::metadata(host.path(path)).unwrap_or_else(|error| panic!("{path}: {error}")).mode();
    (owner.trim().to_owned(), mode & 0o7777)
}

/// A later version whose profile says something else of the account phase.
fn with_another_profile() -> Package {
    Package::built().variant("0.2.0", |files| {
        let profile = files.join("usr/share/pam-configs/tom");
        let text = fs::read_to_string(&profile).expect("the profile");
        fs::write(
            &profile,
            text.replace("ignore=ignore module_unknown", "ignore=ignore authinfo_unavail=bad module_unknown"),
        )
        .expect("the profile");
    })
}

fn later() -> Package {
    Package::built().variant("0.2.0", |_| ())
}

on_each_release! {
    fn installing_changes_nothing_that_decides_a_login(release) {
        let host = Bench::on(release).without_tom().start();
        host.authorized_keys("root", bert().public());
        let before = (host.files_below(&LOGIN), host.files_below(&["/etc"]));
        host.dpkg_file("--install", &Package::built()).expect_success();
        assert_eq!(host.package_state(), "installed");
        unchanged(&before.0, &host.files_below(&LOGIN));

        // Of all of /etc: the user, our directories, the unit.
        let after = host.files_below(&["/etc"]);
        let changed = changed(&before.1, &after);
        let ours = ["etc/passwd", "etc/shadow", "etc/group", "etc/gshadow", "etc/subuid", "etc/subgid", "etc/tom", "etc/systemd"];
        assert!(changed.iter().all(|path| ours.iter().any(|ours| path.starts_with(ours))), "{changed:?}");

        host.ssh("root").key(&bert()).from(ELSEWHERE).run("id").assert_allowed();
        host.ssh("anna").password(tom_tests::PASSWORD).run("id").assert_allowed();
    }

    fn directories_and_the_user_are_as_promised(release) {
        let host = Bench::on(release).packaged().start();
        let promised = [
            ("/etc/tom", "root:root", 0o755),
            ("/etc/tom/evidence", "root:_tom", 0o750),
            ("/etc/tom/trust", "root:root", 0o755),
            ("/var/lib/tom", "root:_tom", 0o750),
            ("/var/lib/tom/rollback", "root:root", 0o700),
            ("/usr/bin/tom", "root:root", 0o755),
            ("/usr/lib/tom/tom-authorized-keys", "root:root", 0o755),
            ("/usr/lib/x86_64-linux-gnu/security/pam_tom.so", "root:root", 0o644),
            ("/usr/share/tom/trust", "root:root", 0o755),
        ];
        for (path, owner, mode) in promised {
            assert_eq!(owner_and_mode(&host, path), (owner.to_owned(), mode), "{path}");
        }
        let user = host.run(["getent", "passwd", "_tom"]).expect_success().stdout;
        assert!(user.ends_with(":/nonexistent:/usr/sbin/nologin\n"), "{user}");
        let uid: u32 = user.split(':').nth(2).and_then(|uid| uid.parse().ok()).expect("a uid");
        assert!(uid < 1000, "a system user: {user}");
        assert!(host.run(["passwd", "--status", "_tom"]).stdout.starts_with("_tom L"), "{user}");
        // For the next boot; the host has no systemd.
        let unit = host.path("/etc/systemd/system/multi-user.target.wants/tom-rollback-at-boot.service");
        assert!(fs::symlink_metadata(unit).is_ok_and(|unit| unit.is_symlink()));
        assert!(!host.path("/var/lib/tom/enabled").exists());
        host.run(["tom", "--version"]).expect_success();
    }

    fn what_the_operator_wrote_stays(release) {
        let host = web1(release).packaged_and_enabled().start();
        host.write("/etc/tom/host.toml", 0o644, "[break-glass]\nconsole = \"password\"\n");
        host.write("/etc/tom/trust/ours.pem", 0o644, "# none yet\n");
        host.run(["chmod", "0700", "/var/lib/tom/rollback"]).expect_success();
        // /var/lib/dpkg is not in it, and `tom refresh` writes the active policy anew.
        let kept = ["/etc/tom", "/var/lib/tom/enabled", "/var/lib/tom/fallback"];
        let before = host.files_below(&kept);
        host.dpkg_file("--install", &later()).expect_success();
        host.dpkg_file("--install", &Package::built()).expect_success();
        unchanged(&before, &host.files_below(&kept));
        enforces(&host);
    }

    /// The module and the hook are exchanged under a running sshd.
    fn reinstall_upgrade_and_downgrade_keep_an_enabled_host_enforcing(release) {
        let host = enabled(web1(release));
        enforces(&host);
        let before = host.files_below(&LOGIN);
        let connection = host.ssh("root").key(&anna()).from(OFFICE).open(&[]).expect("anna is in");
        for package in [Package::built(), later(), Package::built()] {
            host.dpkg_file("--install", &package).expect_success();
            unchanged(&before, &host.files_below(&LOGIN));
            enforces(&host);
            // Who was in stays in.
            assert_eq!(connection.run("echo here").stdout, "here\n");
        }
    }

    fn a_profile_that_changed_is_renewed_where_tom_is_enabled(release) {
        let host = enabled(web1(release));
        let stack = || fs::read_to_string(host.path("/etc/pam.d/common-account")).expect("the stack");
        assert!(stack().contains("pam_tom.so") && !stack().contains("authinfo_unavail"));
        // Not while a change waits to be confirmed: it is tried with the lines that it wrote.
        host.run(["mkdir", "-p", "/var/lib/tom/rollback/pending"]).expect_success();
        host.dpkg_file("--install", &with_another_profile()).expect_success();
        assert!(!stack().contains("authinfo_unavail"), "{}", stack());
        host.run(["rmdir", "/var/lib/tom/rollback/pending"]).expect_success();
        host.dpkg_file("--install", &with_another_profile()).expect_success();
        assert!(stack().contains("ignore=ignore authinfo_unavail=bad module_unknown=ignore"), "{}", stack());
        assert_eq!(stack().matches("pam_tom.so").count(), 1);
        enforces(&host);
        // What was edited by hand stays as it is.
        let edited = stack().replace("authinfo_unavail=bad ", "");
        host.write("/etc/pam.d/common-account", 0o644, &edited);
        host.dpkg_file("--install", &with_another_profile()).expect_success();
        assert_eq!(stack(), edited);
        enforces(&host);
    }

    /// An operator who switched tom off must not find it switched on by the next upgrade.
    fn an_upgrade_enables_nothing_that_is_off(release) {
        let host = enabled(web1(release));
        host.run(["pam-auth-update", "--remove", "tom"]).expect_success();
        let before = host.files_below(&LOGIN);
        host.dpkg_file("--install", &with_another_profile()).expect_success();
        unchanged(&before, &host.files_below(&LOGIN));
        fs::remove_file(host.path("/var/lib/tom/enabled")).expect("the mark");
        host.dpkg_file("--install", &Package::built()).expect_success();
        host.dpkg_file("--install", &with_another_profile()).expect_success();
        unchanged(&before, &host.files_below(&LOGIN));
    }

    fn it_installs_without_sshd_without_profile_tools_without_systemd(release) {
        let host = Bench::on(release).without_tom().without_sshd().start();
        let gone = ["/usr/sbin/pam-auth-update", "/usr/bin/deb-systemd-helper", "/usr/sbin/sshd", "/usr/bin/systemctl"];
        for path in gone {
            let _ = fs::remove_file(host.path(path));
        }
        fs::remove_dir_all(host.path("/etc/ssh")).expect("/etc/ssh");
        let before = host.files_below(&["/etc/pam.d"]);
        host.dpkg_file("--install", &Package::built()).expect_success();
        host.dpkg(&["--remove", "tom"]).expect_success();
        host.dpkg_file("--install", &Package::built()).expect_success();
        host.dpkg(&["--purge", "tom"]).expect_success();
        unchanged(&before, &host.files_below(&["/etc/pam.d"]));
        assert_eq!(host.package_state(), "not-installed");
    }

    /// The user may be there already: of an earlier installation, or of a central directory.
    fn a_user_that_is_there_is_taken(release) {
        let host = Bench::on(release).without_tom().start();
        let passwd = fs::read_to_string(host.path("/etc/passwd")).expect("the users");
        assert!(passwd.contains("_tom:x:990:"), "{passwd}");
        host.dpkg_file("--install", &Package::built()).expect_success();
        assert_eq!(fs::read_to_string(host.path("/etc/passwd")).expect("the users"), passwd);
        assert_eq!(owner_and_mode(&host, "/var/lib/tom"), ("root:_tom".to_owned(), 0o750));
    }
}

/// What `tom enable` writes by itself is the same that this package ships to be read.
#[test]
fn the_examples_are_what_is_compiled_in() {
    let files = std::env::temp_dir().join(format!("tom-examples-{}", std::process::id()));
    let path = |file: &str| files.join("usr/share/doc/tom/examples").join(file);
    let package = Package::built();
    let extracted = std::process::Command::new("dpkg-deb").arg("--extract").arg(package.path()).arg(&files).status();
    assert!(extracted.expect("dpkg-deb").success());
    let read = |file: &Path| fs::read_to_string(file).expect("a file");
    assert_eq!(read(&path("10-tom.conf")), tom_tests::DROP_IN);
    assert_eq!(read(&path("pam-auth-line")), tom_tests::AUTH_LINE);
    assert_eq!(read(&files.join("usr/share/pam-configs/tom")), tom_tests::PROFILE);
    fs::remove_dir_all(&files).expect("the files go");
}
