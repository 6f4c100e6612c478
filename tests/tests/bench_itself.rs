//! The bench itself: that logins on it are real, and that nothing of it stays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says what it expects"
)]
#![allow(clippy::print_stdout, reason = "how one test tells another a PID")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tom_tests::{Account, Bench, Key, PASSWORD, PROFILE, Refusal, on_each_release};

fn gone_now(pid: u32) -> bool {
    !std::fs::exists(format!("/proc/{pid}")).unwrap()
}

/// Whether the process ends within a moment.
fn gone(pid: u32) -> bool {
    let started = Instant::now();
    while !gone_now(pid) && started.elapsed() < Duration::from_secs(2) {
        std::thread::sleep(Duration::from_millis(5));
    }
    gone_now(pid)
}

/// A hook that prints one line, whoever asks.
fn hook(options: &str, key: &Key) -> String {
    format!("#!/bin/sh\necho '{options} {}'\n", key.public())
}

on_each_release! {
    fn a_token_with_its_pin_gets_in(release) {
        for token in [Key::token("anna-blue"), Key::ecdsa_token("anna-red")] {
            let host = Bench::on(release).stand_in_hook(&hook("verify-required", &token)).start();
            let login = host.ssh("root").key(&token).from("127.0.0.77").run("id -un");
            login.assert_allowed();
            assert_eq!(login.stdout, "root\n");
        }
    }

    fn a_token_without_its_pin_does_not(release) {
        let token = Key::token("anna-blue");
        let host = Bench::on(release).stand_in_hook(&hook("verify-required", &token)).start();
        let touched = token.clone().without_pin();
        host.ssh("root").key(&touched).run("id").assert_refused_by(Refusal::PinNotVerified);
        let untouched = token.clone().without_touch();
        host.ssh("root").key(&untouched).run("id").assert_refused_by(Refusal::NotTouched);
        let lying = token.clone().lying_about_pin();
        host.ssh("root").key(&lying).run("id").assert_refused_by(Refusal::Signature);
        let mistyped = token.clone().with_wrong_pin();
        host.ssh("root").key(&mistyped).run("id").assert_refused_by(Refusal::NoSignature);
        let insisting = token.without_pin().always_wanting_pin();
        host.ssh("root").key(&insisting).run("id").assert_allowed();
    }

    fn the_pin_option_alone_refuses_a_token_without_its_pin(release) {
        let token = Key::token("anna-blue");
        let touched = token.clone().without_pin();
        let host = Bench::on(release).stand_in_hook(&hook("", &token)).start();
        host.ssh("root").key(&touched).run("id").assert_refused_by(Refusal::PinNotVerified);
        drop(host);
        let bare = Bench::on(release).stand_in_hook(&hook("", &token)).without_pin_option();
        bare.start().ssh("root").key(&touched).run("id").assert_allowed();
    }

    fn other_refusals_are_told_apart(release) {
        let token = Key::token("anna-blue");
        let options = "verify-required,from=\"203.0.113.5\"";
        let host = Bench::on(release).stand_in_hook(&hook(options, &token)).start();
        host.ssh("root").key(&token).from("203.0.113.5").run("id").assert_allowed();
        let elsewhere = host.ssh("root").key(&token).from("203.0.113.6").run("id");
        elsewhere.assert_refused_by(Refusal::Address);
        let other = Key::token("bert-blue");
        host.ssh("root").key(&other).run("id").assert_refused_by(Refusal::UnknownKey);
        let in_file = Key::file("laptop");
        host.ssh("root").key(&in_file).run("id").assert_refused_by(Refusal::UnknownKey);
        let past = hook("expiry-time=\"20200101\"", &token);
        let host = Bench::on(release).stand_in_hook(&past).start();
        host.ssh("root").key(&token).run("id").assert_refused_by(Refusal::Expired);
    }

    fn clients_come_from_the_address_they_say(release) {
        let token = Key::token("anna-blue");
        let host = Bench::on(release).stand_in_hook(&hook("verify-required", &token)).start();
        let both = [
            ("127.0.0.77", "127.0.0.1"),
            ("203.0.113.5", "192.0.2.1"),
            ("::1", "::1"),
            ("2001:db8:10::5", "2001:db8::1"),
        ];
        for (client, server) in both {
            let login = host.ssh("root").key(&token).from(client).run("echo $SSH_CONNECTION");
            login.assert_allowed();
            let words: Vec<&str> = login.stdout.split_whitespace().collect();
            assert_eq!((words[0], words[2], words[3]), (client, server, "22"));
        }
    }

    fn files_and_forwards_go_through(release) {
        let token = Key::token("anna-blue");
        let host = Bench::on(release).stand_in_hook(&hook("verify-required", &token)).start();
        let echo = host.echo_service();
        for from in ["203.0.113.5", "2001:db8:10::5"] {
            let client = || host.ssh("root").key(&token).from(from);
            client().sftp("get /etc/hostname /tmp/copy").assert_allowed();
            client().scp_from("/etc/hostname", "/tmp/copy2").assert_allowed();
            client().scp_to("/etc/hostname", "/tmp/copy3").assert_allowed();
            let forwarded = client().stdio_forward(echo, "hello\n");
            assert_eq!(forwarded.assert_allowed().stdout, "hello\n");
            let connection = client().open(&["8007:127.0.0.1:7"]).unwrap();
            assert_eq!(connection.through_port(8007, "hello\n"), "hello\n");
            assert_eq!(connection.run("id -un").expect_success().stdout, "root\n");
        }
        for copy in ["/tmp/copy", "/tmp/copy2", "/tmp/copy3"] {
            assert_eq!(std::fs::read_to_string(host.path(copy)).unwrap(), "web1.example.net\n");
        }
        let touched = token.clone().without_pin();
        let refused = || host.ssh("root").key(&touched);
        refused().sftp("get /etc/hostname /tmp/no").assert_refused();
        refused().scp_from("/etc/hostname", "/tmp/no").assert_refused();
        refused().stdio_forward(echo, "hello\n").assert_refused();
        assert!(refused().open(&["8008:127.0.0.1:7"]).is_err());
        assert!(!host.path("/tmp/no").exists());
        assert_eq!(host.connections(), 0);
    }

    fn ordinary_users_have_keys_in_files_and_passwords(release) {
        let host = Bench::on(release).stand_in_hook("#!/bin/sh\nexit 1\n").start();
        let keys = [
            Key::file("laptop"),
            Key::ecdsa_file("laptop"),
            Key::rsa_file("laptop"),
            Key::token("acme-token").without_pin(),
        ];
        let lines: Vec<&str> = keys.iter().map(Key::public).collect();
        host.authorized_keys("acme", &lines.join("\n"));
        for key in &keys {
            host.ssh("acme").key(key).run("id -un").assert_allowed();
        }
        host.ssh("acme").password(PASSWORD).run("id -un").assert_allowed();
        assert_eq!(host.as_user("acme").run(["id", "-un"]).expect_success().stdout, "acme\n");
    }

    fn a_certificate_counts_where_its_authority_does(release) {
        let (authority, key) = (Key::file("authority"), Key::file("laptop"));
        let host = Bench::on(release)
            .stand_in_hook("#!/bin/sh\nexit 1\n")
            .file("/etc/ssh/ca.pub", 0o644, authority.public())
            .sshd_drop_in("20-ca.conf", "TrustedUserCAKeys /etc/ssh/ca.pub\n")
            .start();
        let certified = key.certified_by(&authority, "root,acme");
        host.ssh("acme").key(&certified).run("id").assert_allowed();
        host.ssh("root").key(&certified).run("id").assert_refused_by(Refusal::UnknownKey);
    }

    fn the_journal_gets_what_is_sent_to_it(release) {
        let host = Bench::on(release).without_tom().without_sshd().with_syslog().start();
        let message = "TOM_EVENT=login\nTOM_PERSON=anna\nMESSAGE=hello\n";
        host.command().stdin(message).run(["logger", "--journald"]).expect_success();
        let event = host.journal().event("login");
        assert_eq!((event.get("TOM_PERSON"), event.get("MESSAGE")), ("anna", "hello"));
        host.run(["logger", "--socket-errors=on", "to syslog"]).expect_success();
        assert!(host.syslog().lines()[0].contains("to syslog"));
    }

    fn pam_is_asked_without_a_daemon(release) {
        let host = Bench::on(release).without_tom().without_sshd().start();
        let right = host.pam("login", "acme").typing(&format!("{PASSWORD}\n"));
        right.ask(&["authenticate", "acct_mgmt"]).expect_success();
        assert!(!host.pam("login", "nobody-of-that-name").ask(&["acct_mgmt"]).success());
    }

    fn sshd_governs_administrators_and_nobody_else(release) {
        let host = Bench::on(release)
            .stand_in_hook("#!/bin/sh\n")
            .account(Account::person("dora", 2004).in_group("sudo"))
            .account(Account::person("emil", 2005).in_group("adm-web"))
            .account(Account::person("fred", 2006))
            .governed(&["fred"])
            .governed_groups(&["adm-web"])
            .start();
        let settings = |user: &str| {
            let connection = format!("user={user},host=x,addr=203.0.113.5");
            host.run(["sshd", "-T", "-C", &connection]).expect_success().stdout
        };
        let strict = [
            "authorizedkeyscommand /usr/lib/tom/tom-authorized-keys %u %t %k",
            "authorizedkeyscommanduser _tom",
            "authorizedkeysfile none",
            "trustedusercakeys none",
            "authenticationmethods publickey",
            "pubkeyauthoptions verify-required",
            "passwordauthentication no",
            "kbdinteractiveauthentication no",
            "gssapiauthentication no",
            "hostbasedauthentication no",
        ];
        for user in ["root", "dora", "emil", "fred"] {
            let settings = settings(user);
            for line in strict {
                assert!(settings.lines().any(|have| have == line), "{user}: no {line} in {settings}");
            }
        }
        let customer = settings("acme");
        for line in ["usepam yes", "usedns no", "passwordauthentication yes", "authorizedkeyscommand none"] {
            assert!(customer.lines().any(|have| have == line), "acme: no {line} in {customer}");
        }
    }

    fn each_layer_can_be_taken_away(release) {
        let token = Key::token("anna-blue");
        let denying = || {
            let line = hook("verify-required", &token);
            Bench::on(release).stand_in_hook(&line).stand_in_module("pam_deny.so")
        };
        let login = |bench: Bench| bench.start().ssh("root").key(&token).run("id");
        login(denying()).assert_refused_by(Refusal::PamAccount);
        login(denying().without_pam_session()).assert_refused_by(Refusal::PamAccount);
        login(denying().without_pam_account()).assert_refused_by(Refusal::PamSession);
        login(denying().without_pam_account().without_pam_session()).assert_allowed();
        let line = format!("verify-required {}", token.public());
        login(Bench::on(release).stand_in_hook("#!/bin/sh\n").without_hook("root", &line))
            .assert_allowed();
    }

    fn a_refused_session_carries_no_forward(release) {
        let token = Key::token("anna-blue");
        let host = Bench::on(release)
            .stand_in_hook(&hook("verify-required", &token))
            .stand_in_module("pam_deny.so")
            .without_pam_account()
            .start();
        let echo = host.echo_service();
        host.ssh("root").key(&token).stdio_forward(echo, "hello\n").assert_refused();
        if let Ok(connection) = host.ssh("root").key(&token).open(&["8007:127.0.0.1:7"]) {
            assert_eq!(connection.through_port(8007, "hello\n"), "");
            assert!(!connection.run("id").success());
        }
    }

    fn pam_auth_update_writes_what_the_bench_writes(release) {
        let host = Bench::on(release)
            .stand_in_module("pam_deny.so")
            .file("/usr/share/pam-configs/tom", 0o644, PROFILE)
            .without_sshd()
            .start();
        let files = ["common-account", "common-session", "common-session-noninteractive"];
        let lines = |file: &str| -> Vec<Vec<String>> {
            let text = std::fs::read_to_string(host.path(format!("/etc/pam.d/{file}"))).unwrap();
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
            let stated = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
            stated.map(words).collect()
        };
        let ours = files.map(lines);
        assert!(ours.iter().all(|file| file.iter().flatten().any(|word| word == "pam_tom.so")));
        let update = ["pam-auth-update", "--force", "--enable", "tom"];
        host.command().env("DEBIAN_FRONTEND", "noninteractive").run(update).expect_success();
        assert_eq!(files.map(lines), ours);
    }

    fn a_host_has_a_clock_of_its_own(release) {
        let token = Key::token("anna-blue");
        let options = "verify-required,expiry-time=\"20301231235959Z\"";
        let bench = || Bench::on(release).stand_in_hook(&hook(options, &token));
        for (moment, year) in [("1979-12-31 12:00:00", "1979\n"), ("2029-12-31 12:00:00", "2029\n")] {
            let host = bench().clock(moment).start();
            let login = host.ssh("root").key(&token).run("date +%Y");
            assert_eq!(login.assert_allowed().stdout, year);
        }
        let late = bench().clock("2031-01-01 12:00:00").start();
        late.ssh("root").key(&token).run("id").assert_refused_by(Refusal::Expired);
    }

    fn many_clients_come_at_once(release) {
        let token = Key::token("anna-blue");
        let host = Bench::on(release).stand_in_hook(&hook("verify-required", &token)).start();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let login = || host.ssh("root").among_others();
                    login().key(&token).run("id").assert_allowed();
                    login().key(&token.clone().without_pin()).run("id").assert_refused();
                });
            }
        });
    }

    fn nothing_stays_behind(release) {
        let host = Bench::on(release).without_tom().start();
        let _open = host.ssh("acme").run("id");
        let pid = host.first_pid();
        drop(host);
        assert!(gone(pid));
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(!mounts.contains("/roots/"), "{mounts}");
    }

    fn nothing_stays_behind_a_killed_test(release) {
        let name = format!("holds_a_host::{}", release.suite());
        let mut test = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &name, "--nocapture"])
            .env("HOLD_A_HOST", "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(test.stdout.take().unwrap()).lines();
        let pid = lines.find_map(|line| line.unwrap().strip_prefix("pid ")?.parse().ok()).unwrap();
        assert!(!gone_now(pid));
        test.kill().unwrap();
        test.wait().unwrap();
        assert!(gone(pid));
    }

    /// The test that is killed by the one above; alone it does nothing.
    fn holds_a_host(release) {
        if std::env::var_os("HOLD_A_HOST").is_some() {
            let host = Bench::on(release).without_tom().start();
            println!("\npid {}", host.first_pid());
            std::thread::sleep(Duration::from_secs(60));
        }
    }
}
