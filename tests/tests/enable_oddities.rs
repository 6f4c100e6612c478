//! Hosts that are not as they were installed: what `tom enable` does there is what their administrators expect, it says
//! what is in its way, and never locks anybody out.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use std::time::Duration;
use tom_tests::changes::{Deciding, not_enabled, old_root, reload_sshd, stranger, waits};
use tom_tests::company::{OFFICE, anna};
use tom_tests::{Host, Key, Output, Release, on_each_release};

fn run(host: &Host, command: &str) -> Output {
    host.command().timeout(Duration::from_secs(90)).run(["sh", "-c", command])
}

/// What shall come of it.
enum Expected {
    /// It is enabled, and undone byte for byte. With something that it says.
    Enabled(&'static str),
    /// It is refused, with these words.
    Refused(&'static str),
}
use Expected::{Enabled, Refused};

struct Oddity {
    what: &'static str,
    /// How the host comes to be so.
    made_by: &'static str,
    expected: Expected,
    port: u16,
}

const fn oddity(what: &'static str, made_by: &'static str, expected: Expected) -> Oddity {
    Oddity { what, made_by, expected, port: 22 }
}

fn enters(host: &Host, account: &str, key: &Key, port: u16) -> bool {
    let login = host.ssh(account).key(key).from(OFFICE).option(&format!("Port={port}")).run("true");
    if !login.allowed() && !login.stdout.contains("not available") {
        let _ = login.assert_refused();
    }
    login.allowed()
}

fn try_one(release: Release, oddity: &Oddity) {
    let host = not_enabled(release);
    let what = oddity.what;
    run(&host, oddity.made_by).expect_success();
    reload_sshd(&host);
    let came_in = enters(&host, "root", &old_root(), oddity.port);
    let before = Deciding::on(&host);
    let output = run(&host, "tom enable --as anna");
    let words = output.stderr.lines().filter(|line| !line.contains("warning: ")).collect::<Vec<_>>().join("\n    ");
    println!("{what}: {:?}\n    {words}", output.status);
    match oddity.expected {
        Enabled(says) => {
            assert!(output.success(), "{what}: {output:#?}");
            assert!(output.stderr.contains(says), "{what}: {output:#?}");
            let root = if what.contains("no root") { "deploy" } else { "root" };
            assert!(enters(&host, root, &anna(), oddity.port) || root == "deploy", "{what}");
            assert!(!enters(&host, "root", &old_root(), oddity.port), "{what}: an old key counts");
            assert!(!enters(&host, "root", &stranger(), oddity.port), "{what}: a stranger came in");
            run(&host, "tom rollback").expect_success();
        }
        Refused(says) => {
            assert!(matches!(output.status, Some(1 | 3)), "{what}: {output:#?}");
            assert!(words.contains(says), "{what}: {output:#?}");
        }
    }
    let now = Deciding::on(&host);
    assert!(now == before && !waits(&host), "{what}: {}", now.differences(&before));
    assert_eq!(enters(&host, "root", &old_root(), oddity.port), came_in, "{what}: root's old key");
}

const PAM: [Oddity; 10] = [
    oddity(
        "common-account edited inside the managed block",
        "sed -i 's/success=1 new_authtok_reqd=done default=ignore/success=1 new_authtok_reqd=die default=ignore/' /etc/pam.d/common-account",
        Enabled("common-account: pam-auth-update does not write it"),
    ),
    oddity("no pam-auth-update", "rm /usr/sbin/pam-auth-update", Enabled("the line goes to its end")),
    oddity("no sudo", "rm /etc/pam.d/sudo /etc/pam.d/sudo-i /usr/bin/sudo", Enabled("")),
    oddity("no sudo-i", "rm /etc/pam.d/sudo-i", Enabled("")),
    oddity("sudo-i is a link to sudo", "ln -sf sudo /etc/pam.d/sudo-i", Enabled("")),
    oddity(
        "a link that leads nowhere",
        "ln -s /nowhere /etc/pam.d/odd; ln -s /etc/passwd /etc/pam.d/other-odd",
        Enabled(""),
    ),
    oddity(
        "common-auth is a link",
        "mv /etc/pam.d/common-auth /root/; ln -s /root/common-auth /etc/pam.d/common-auth",
        Enabled("the line goes to its end"),
    ),
    oddity(
        "common-account is a link out of the directory",
        "mv /etc/pam.d/common-account /root/; ln -s /root/common-account /etc/pam.d/common-account",
        Refused("/etc/pam.d/common-account is a link to /root/common-account"),
    ),
    oddity(
        "su without common-auth",
        "sed -i 's/^@include common-auth/auth required pam_unix.so/' /etc/pam.d/su",
        Refused("/etc/pam.d/su has no line that includes common-auth: put this line"),
    ),
    oddity(
        "sshd's own stack without common-session",
        "sed -i '/common-session/d' /etc/pam.d/sshd",
        Refused("does /etc/pam.d/sshd include common-session?"),
    ),
];

const SSHD: [Oddity; 14] = [
    oddity(
        "no Include",
        "sed -i '/^Include/d' /etc/ssh/sshd_config",
        Refused("put 'Include /etc/ssh/sshd_config.d/*.conf'"),
    ),
    oddity("no directory", "rm -r /etc/ssh/sshd_config.d", Refused("/etc/ssh/sshd_config.d is missing")),
    oddity(
        "another file of keys for everybody",
        "echo 'AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u' >/etc/ssh/sshd_config.d/00-x.conf",
        Enabled(""),
    ),
    oddity(
        "a Match on the address before ours",
        "printf 'Match Address 203.0.113.0/28\\n  AuthorizedKeysFile .ssh/authorized_keys\\n' >/etc/ssh/sshd_config.d/00-x.conf",
        Refused("/etc/ssh/sshd_config.d/00-x.conf:2"),
    ),
    oddity(
        "a Match on root before ours",
        "printf '\\n\\nMatch User root\\n  AuthorizedKeysCommand none\\n' >/etc/ssh/sshd_config.d/00-x.conf",
        Refused("/etc/ssh/sshd_config.d/00-x.conf:4"),
    ),
    oddity(
        "UsePAM no before ours",
        "echo 'UsePAM no' >/etc/ssh/sshd_config.d/00-x.conf",
        Refused("/etc/ssh/sshd_config.d/00-x.conf:1"),
    ),
    oddity(
        "no root by SSH",
        "echo 'PermitRootLogin no' >/etc/ssh/sshd_config.d/00-x.conf",
        Refused("permitrootlogin no for root"),
    ),
    oddity("only others may log in", "echo 'AllowUsers acme' >/etc/ssh/sshd_config.d/00-x.conf", Refused("AllowUsers")),
    oddity("root may not log in", "echo 'DenyUsers root' >/etc/ssh/sshd_config.d/00-x.conf", Refused("DenyUsers")),
    oddity(
        "kinds of keys without security keys",
        "echo 'PubkeyAcceptedAlgorithms ssh-ed25519,rsa-sha2-512' >/etc/ssh/sshd_config.d/00-x.conf",
        Refused("pubkeyacceptedalgorithms"),
    ),
    oddity(
        "kinds of keys that are security keys, and one",
        "echo 'PubkeyAcceptedAlgorithms sk-ssh-ed25519@openssh.com,sk-ecdsa-sha2-nistp256@openssh.com,ssh-ed25519' >/etc/ssh/sshd_config.d/00-x.conf",
        Enabled(""),
    ),
    Oddity { port: 2222, ..oddity("another port", "echo 'Port 2222' >/etc/ssh/sshd_config.d/00-x.conf", Enabled("")) },
    oddity(
        "links in place of files",
        "cd /etc/ssh; mv sshd_config real; ln -s real sshd_config; mv sshd_config.d conf.d; ln -s conf.d sshd_config.d",
        Enabled(""),
    ),
    oddity(
        "a link in the place of our file",
        "echo 'UseDNS no' >/root/elsewhere; ln -s /root/elsewhere /etc/ssh/sshd_config.d/10-tom.conf",
        Refused("10-tom.conf"),
    ),
];

const ACCOUNTS: [Oddity; 5] = [
    oddity("a granted account that is not there", "sed -i '/^archive:/d' /etc/passwd /etc/shadow", Enabled("")),
    oddity("root without a shell", "sed -i '/^root:/s|:[^:]*$|:/usr/sbin/nologin|' /etc/passwd", Refused("root")),
    oddity(
        "a granted account without a shell",
        "sed -i '/^deploy:/s|:[^:]*$|:/usr/sbin/nologin|' /etc/passwd",
        Refused("'deploy'"),
    ),
    oddity("an account locked with '!'", "usermod -L root; passwd -l deploy", Enabled("")),
    oddity("an account that has expired", "usermod -e 1 deploy", Refused("'deploy'")),
];

fn try_all(release: Release, oddities: &[Oddity]) {
    for oddity in oddities {
        try_one(release, oddity);
    }
}

on_each_release! {
    fn of_pam(release) {
        try_all(release, &PAM);
    }

    fn of_sshd(release) {
        try_all(release, &SSHD[..7]);
    }

    fn more_of_sshd(release) {
        try_all(release, &SSHD[7..]);
    }

    fn of_accounts(release) {
        try_all(release, &ACCOUNTS);
    }

    /// Another name of root is governed too, and its keys count no more.
    fn another_name_of_root(release) {
        let host = not_enabled(release);
        run(&host, "echo 'toor:x:0:0:root:/root:/bin/bash' >>/etc/passwd; echo 'toor:*:19000:0:99999:7:::' >>/etc/shadow").expect_success();
        assert!(enters(&host, "toor", &old_root(), 22));
        run(&host, "tom enable --as anna").expect_success();
        assert!(!enters(&host, "toor", &old_root(), 22) && !enters(&host, "toor", &stranger(), 22));
        assert!(enters(&host, "root", &anna(), 22));
        run(&host, "tom rollback").expect_success();
        assert!(enters(&host, "toor", &old_root(), 22));
    }
}
