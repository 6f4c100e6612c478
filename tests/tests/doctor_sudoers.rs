//! sudoers is read by sudo's own `cvtsudoers`, and by `tom doctor` itself where that is missing (sudo-rs). Both readings
//! come to the same findings, on files made at random.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

use std::fmt::Write as _;
use tom_tests::examined::{Examined, sound};
use tom_tests::on_each_release;

/// Numbers that look random, and are the same at each run of one seed (xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound as u64).expect("small")
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }

    fn some_of(&mut self, all: &[&str]) -> String {
        let count = 1 + self.below(3);
        let words: Vec<&str> = (0..count).map(|_| self.one_of(all)).collect();
        words.join([",", ", ", " , "][self.below(3)])
    }
}

const USERS: [&str; 12] =
    ["anna", "acme", "beta", "nagios", "deploy", "%sudo", "%disk", "#3001", "%#6", "OPS", "!acme", "!OPS"];
const RUN_AS: [&str; 10] = [
    "",
    "(root) ",
    "(ALL) ",
    "(ALL:ALL) ",
    "(:disk) ",
    "(deploy) ",
    "(www-data, !root) ",
    "(#0) ",
    "(www-data : docker, games) ",
    "(R) ",
];
const TAGS: [&str; 7] =
    ["", "NOPASSWD: ", "PASSWD:", "SETENV: NOPASSWD: ", "NOEXEC:PASSWD: ", "CWD=/ NOPASSWD: ", "LOG_INPUT: "];
const COMMANDS: [&str; 11] = [
    "ALL",
    "/usr/bin/id",
    "/bin/ls -l\\, /x",
    "sudoedit /etc/motd",
    "!/usr/bin/passwd root",
    "CHECKS",
    "!CHECKS",
    "/usr/bin/apt-get update, /bin/true \"\"",
    "/usr/lib/nagios/plugins/*",
    "sha256:1234567890123456789012345678901234567890123456789012345678901234 /bin/true",
    "/bin/kill -[0-9]*",
];
const DEFAULTS: [&str; 12] = [
    "Defaults !pam_session",
    "Defaults:acme !authenticate",
    "Defaults:OPS !authenticate, timestamp_timeout=60",
    "Defaults timestamp_timeout = -1",
    "Defaults timestamp_type=global",
    "Defaults env_keep += \"A B\", !lecture",
    "Defaults>root !pam_acct_mgmt",
    "Defaults!/bin/ls !pam_session",
    "Defaults@web1 pam_service=other",
    "Defaults exempt_group=games",
    "Defaults secure_path=\"/a:/b\"",
    "# Defaults !pam_session",
];

fn sudoers(numbers: &mut Numbers) -> String {
    let mut text = String::from(
        "User_Alias OPS = anna, %adm, !beta : MORE = OPS\nRunas_Alias R = deploy, root\nCmnd_Alias CHECKS = /usr/bin/id, \\\n  sudoedit /etc/hosts\n",
    );
    for _ in 0..numbers.below(3) {
        let _ = writeln!(text, "{}", numbers.one_of(&DEFAULTS));
    }
    for _ in 0..=numbers.below(4) {
        let (users, run_as, tags) = (numbers.some_of(&USERS), numbers.one_of(&RUN_AS), numbers.one_of(&TAGS));
        let _ = write!(text, "{users} ALL = {run_as}{tags}{}", numbers.some_of(&COMMANDS));
        let _ = match numbers.below(4) {
            0 => writeln!(text, ", {}{}", numbers.one_of(&TAGS), numbers.one_of(&COMMANDS)),
            1 => writeln!(text, " : web1, web2 = {}", numbers.one_of(&COMMANDS)),
            2 => writeln!(text, " # {}", numbers.one_of(&COMMANDS)),
            _ => writeln!(text),
        };
    }
    text
}

on_each_release! {
    /// The same findings, whoever reads.
    fn both_readings_agree(release) {
        let rounds = if std::env::var_os("TOM_CAMPAIGN").is_some() { 400 } else { 20 };
        let mut numbers = Numbers(0x746f_6d00 + rounds);
        let host = sound(release).start();
        host.run(["groupadd", "docker"]).expect_success();
        let mut with_findings = 0;
        for _ in 0..rounds {
            let text = sudoers(&mut numbers);
            host.write("/etc/sudoers.d/x", 0o440, &text);
            let theirs = Examined::of(&host).document;
            host.run(["mv", "/usr/bin/cvtsudoers", "/root/"]).expect_success();
            let ours = Examined::of(&host).document;
            host.run(["mv", "/root/cvtsudoers", "/usr/bin/"]).expect_success();
            assert_eq!(theirs["unknown"], serde_json::json!([]), "cvtsudoers takes it: {text}");
            assert_eq!(theirs, ours, "{text}");
            with_findings += u64::from(theirs["findings"] != serde_json::json!([]));
        }
        assert!(with_findings > rounds / 2, "{with_findings} of {rounds}");
    }
}
