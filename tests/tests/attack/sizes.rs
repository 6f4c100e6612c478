//! A policy that `tom apply` takes and logins cannot read would lock every administrator out.

use std::fmt::Write as _;
use std::time::Duration;

use tom_tests::faults::{self, Asked, OFFICE, POLICY, bench, questions};
use tom_tests::{Host, Key, Output, Release, run_on};

use super::{line, sh};

/// More networks than fit: each takes 17 bytes in the stored form, and fewer in the text.
fn many_networks(count: usize) -> String {
    let mut networks = String::from("[networks]\nmany = [");
    for number in 0..count {
        let _ = write!(networks, "\"{:x}:{:x}::1\",", number / 0xf000 + 0x2001, number % 0xf000 + 1);
    }
    networks.push_str("]\n");
    POLICY.replace("[networks]\n", &networks).replace("[\"office\"]", "[\"office\", \"many\"]")
}

fn apply(host: &Host, text: &str) -> Output {
    host.write_policy(text);
    host.command().timeout(Duration::from_secs(60)).run(["tom", "apply", "--now"])
}

fn state(host: &Host) -> String {
    let script =
        "cd / && find var/lib/tom etc/tom/governed -type f -exec sha256sum {} + | sort; find var/lib/tom | sort";
    host.run(["sh", "-c", script]).expect_success().stdout
}

fn logins_go_on(host: &Host) {
    for question in questions() {
        // A busy machine and a large policy: what counts is the answer.
        let before: &[&str] = &[];
        assert_eq!(question.is_allow(&question.ask_under(host, before)), question.sound, "{}", question.name());
    }
}

#[test]
fn a_policy_too_large_for_logins_is_refused() {
    run_on(Release::Bookworm, |release| {
        let host = faults::start(bench(release).without_sshd());
        sh(&host, "tom apply --now");
        let before = state(&host);
        let applied = apply(&host, &many_networks(1_000_000));
        assert_eq!(applied.status, Some(3), "{}", applied.stderr);
        let said = "bytes in the form that logins read, more than 16777216";
        assert!(applied.stderr.contains(said), "{}", applied.stderr);
        assert_eq!(state(&host), before);
        logins_go_on(&host);
    });
}

/// A hundred grants that name the same large network: it is stored once.
#[test]
fn many_grants_with_one_large_network() {
    run_on(Release::Bookworm, |release| {
        let host = faults::start(bench(release).without_sshd());
        let mut text = many_networks(20_000);
        for number in 0..300 {
            let _ = write!(
                text,
                "[[grant]]\nid = \"g{number}\"\npersons = [\"anna\"]\naccounts = [\"a{number}\"]\nhosts = [\"*\"]\n\
                 services = [\"sshd\"]\nfrom = [\"many\"]\n"
            );
        }
        apply(&host, &text).expect_success();
        let size = std::fs::metadata(host.path("/var/lib/tom/active/resolved")).expect("it is there").len();
        assert!(size < 2 << 20, "{size} bytes");
        let stays = |question: &&tom_tests::faults::Question| question.asked != Asked::Hook;
        for question in questions().iter().filter(stays) {
            assert_eq!(question.is_allow(&question.ask(&host)), question.sound, "{}", question.name());
        }
    });
}

/// A list of governed accounts of more than a megabyte is read when it is all that is left.
#[test]
fn many_governed_accounts_are_known_without_the_policy() {
    run_on(Release::Bookworm, |release| {
        let host = faults::start(bench(release).without_sshd());
        let mut accounts = String::new();
        for number in 0..60_000 {
            let _ = write!(accounts, ",\"an-account-{number:06}\"");
        }
        apply(&host, &POLICY.replace("\"deploy\"]", &format!("\"deploy\"{accounts}]"))).expect_success();
        sh(&host, "mv /var/lib/tom /var/lib/elsewhere");
        assert!(std::fs::metadata(host.path("/etc/tom/governed")).expect("it is there").len() > 1 << 20);
        super::assert_outside("deploy", &super::su(&host, "deploy"));
    });
}

/// Somebody whose grant names nine networks or more gets a merged set: the same addresses as with each by itself.
#[test]
fn merged_networks_are_the_same_addresses() {
    run_on(Release::Bookworm, |release| {
        let host = faults::start(bench(release).without_sshd());
        let names: Vec<String> = (0..12).map(|number| format!("\"n{number}\"")).collect();
        let mut networks = String::from("[networks]\n");
        for (number, name) in names.iter().enumerate() {
            // Neighbours, one within another, and both families.
            let _ = writeln!(
                networks,
                "{} = [\"10.0.{number}.0/24\", \"10.0.{number}.7\", \"192.0.2.{}\", \"2001:db8:{number}::/48\"]",
                name.trim_matches('"'),
                number * 2
            );
        }
        let with = |from: &str| {
            POLICY.replace("[networks]\n", &networks).replace("from     = [\"office\"]", &format!("from = [{from}]"))
        };
        let from_of = |from: &str| {
            apply(&host, &with(from)).expect_success();
            let printed = line(&host, "root", &Key::token("anna-blue"));
            printed.split('"').nth(1).expect("from=").to_owned()
        };
        let last = "10.0.8.0/24,192.0.2.16,2001:db8:8::/48";
        assert_eq!(from_of(&names[8]), last);
        // Nine names, of which the first is there twice, and in any order.
        let nine = from_of(&names[..9].join(", "));
        assert!(nine.contains("10.0.0.0/21,10.0.8.0/24,192.0.2.0,192.0.2.2,"), "{nine}");
        let mut turned: Vec<&str> = names[..9].iter().rev().map(String::as_str).collect();
        assert_eq!(from_of(&turned.join(", ")), nine);
        turned.push("\"office\"");
        assert!(from_of(&turned.join(", ")).contains("203.0.113.0/28"));
        // The fallback has it too, and PAM judges by the same set.
        sh(&host, "rm /var/lib/tom/active/resolved");
        assert!(line(&host, "root", &Key::token("anna-safe")).contains("203.0.113.0/28"));
        let session = |from: &str| {
            let pam =
                host.pam("sshd", "root").item("rhost", from).env("SSH_CONNECTION", &format!("{from} 4 192.0.2.1 22"));
            pam.env("SSH_AUTH_INFO_0", &format!("publickey {}\n", Key::token("anna-safe").public()))
                .ask(&["open_session"])
                .success()
        };
        for (from, is_inside) in [
            (OFFICE, true),
            ("10.0.8.255", true),
            ("10.0.9.0", false),
            ("192.0.2.3", false),
            ("2001:db8:8::1", true),
            ("2001:db8:9::1", false),
        ] {
            assert_eq!(session(from), is_inside, "{from}");
        }
    });
}
