//! Adversarial cases about addresses: 10, 11.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{ELSEWHERE, ELSEWHERE_V6, OFFICE, OFFICE_V6, anna, policy_with, web1};
use tom_tests::{Host, Refusal, on_each_release};

/// The policy with these networks as the office.
fn office(networks: &str) -> String {
    policy_with("[\"203.0.113.0/28\", \"2001:db8:10::/48\"]", &format!("[{networks}]"))
}

/// 5,000 networks that cannot be merged: every second address, IPv4 and IPv6, and at their ends two
/// addresses that clients come from.
fn five_thousand() -> String {
    let v4 = (0..2499).map(|number| format!("\"10.1.{}.{}\"", number / 128, number % 128 * 2));
    let v6 = (0..2499).map(|number| format!("\"2001:db8:5000:{:x}::/64\"", number * 2));
    let last = ["\"203.0.113.5\"".to_owned(), "\"2001:db8:fff0::5\"".to_owned()];
    v4.chain(v6).chain(last).collect::<Vec<_>>().join(", ")
}

/// The socket calls that leave the host, or prepare to: names are asked for by IP, and before that glibc asks
/// the kernel for the host's addresses.
fn network(trace: &str) -> Vec<&str> {
    assert!(trace.contains("exited") || trace.contains("exit_group"), "no trace: {trace}");
    let calls = trace.lines().filter_map(|line| Some(line.split_once(' ')?.1.trim_start()));
    calls.filter(|call| ["AF_INET", "NETLINK_ROUTE"].iter().any(|family| call.contains(family))).collect()
}

on_each_release! {
    fn case_10_five_thousand_networks_work_in_a_real_login(release) {
        let mut policy = office(&five_thousand());
        policy = policy.replace("from     = [\"office\", \"cio-home\"]", "from     = [\"office\"]");
        let host = web1(release).policy(&policy).start();
        for from in [OFFICE, "2001:db8:fff0::5", "10.1.0.0", "10.1.19.130", "2001:db8:5000:1384::9"] {
            host.ssh("root").key(&anna()).from(from).run("id").assert_allowed();
        }
        for from in [ELSEWHERE, "10.1.0.1", "2001:db8:fff0::6", "2001:db8:5000:1::9"] {
            host.ssh("root").key(&anna()).from(from).run("id").assert_refused_by(Refusal::Address);
        }
    }

    fn case_10_the_account_phase_agrees_about_each_of_them(release) {
        let policy = office(&five_thousand()).replace("from     = [\"office\", \"cio-home\"]", "from     = [\"office\"]");
        let line = format!("{}\n", anna().public());
        let host = web1(release).policy(&policy).without_hook("root", &line).without_pam_session().start();
        for from in [OFFICE, "2001:db8:fff0::5", "10.1.0.0", "10.1.19.130", "2001:db8:5000:1384::9"] {
            host.ssh("root").key(&anna()).from(from).run("id").assert_allowed();
        }
        for from in [ELSEWHERE, "10.1.0.1", "2001:db8:fff0::6", "2001:db8:5000:1::9"] {
            host.ssh("root").key(&anna()).from(from).run("id").assert_refused_by(Refusal::PamAccount);
        }
    }

    fn case_10_sloppy_networks_are_refused_by_line_and_column_and_the_old_policy_stays(release) {
        let host = web1(release).start();
        let sloppy = [
            "10.1.2.3/8", "::ffff:1.2.3.4/90", "0/0", "office.example.net", "10.0.0.1,", "", "010.0.0.1", "fe80::1%eth0",
            "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/08", "10.0.0", "1.2.3.4 ", "*", "!10.0.0.1", "10.0.0.*", "2001:db8::1::2",
        ];
        for network in sloppy {
            let policy = office(&format!("\"203.0.113.5\", \"{network}\""));
            host.write_policy(&policy);
            let checked = host.run(["tom", "policy", "check"]);
            assert_eq!(checked.status, Some(4), "{network:?}: {checked:#?}");
            let text = policy.lines().position(|line| line.starts_with("office")).expect("the line") + 1;
            let column = policy.lines().nth(text - 1).and_then(|line| line.find(&format!("\"{network}\""))).expect("its place") + 1;
            let place = format!("/etc/tom/policy.toml:{text}:{column}:");
            assert!(checked.stderr.contains(&place) || checked.stdout.contains(&place), "no {place} in {checked:#?}");
            assert_eq!(host.run(["tom", "apply", "--now"]).status, Some(4), "{network:?}");
        }
        host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_allowed();
        // What is right is printed in one way only.
        host.apply(&office("\"::ffff:203.0.113.0/120\", \"2001:DB8:0:0::/32\"").replace("2026112301", "2026112302")).expect_success();
        let anna = anna();
        let (key_type, blob) = anna.words();
        let line = host.run(["/usr/lib/tom/tom-authorized-keys", "root", key_type, blob]).expect_success().stdout;
        assert!(line.contains("from=\"198.51.100.7,203.0.113.0/24,2001:db8::/32\""), "{line}");
        host.ssh("root").key(&anna).from(ELSEWHERE).run("id").assert_allowed();
    }

    fn case_11_names_of_clients_have_no_effect(release) {
        // Names that would help whoever comes from elsewhere, forward and reverse, and a bad one for the office.
        let hosts = format!(
            "{ELSEWHERE} 203.0.113.5.example.net LOCAL tty1 cron localhost\n{ELSEWHERE_V6} localhost\n{OFFICE} evil.example.org\n\
             {OFFICE_V6} evil6.example.org\n127.0.0.1 localhost\n"
        );
        let line = format!("{}\n", anna().public());
        let by_name = || web1(release).sshd_drop_in("05-dns.conf", "UseDNS yes\n").file("/etc/hosts", 0o644, hosts.as_str());
        let alone = |name: &str| match name {
            "all" => (by_name(), Refusal::Address),
            "account" => (by_name().without_hook("root", &line).without_pam_session(), Refusal::PamAccount),
            _ => (by_name().without_hook("root", &line).without_pam_account(), Refusal::PamSession),
        };
        for layers in ["all", "account", "session"] {
            let (bench, refusal) = alone(layers);
            let host = bench.start();
            for from in [OFFICE, OFFICE_V6] {
                host.ssh("root").key(&anna()).from(from).run("id").assert_allowed();
            }
            for from in [ELSEWHERE, ELSEWHERE_V6] {
                host.ssh("root").key(&anna()).from(from).run("id").assert_refused_by(refusal);
            }
            let event = host.journal().event(if layers == "account" { "refused" } else { "login-allowed" });
            assert!(event.get("TOM_FROM").parse::<std::net::IpAddr>().is_ok(), "{event:#?}");
        }
    }

    fn case_11_no_decision_asks_the_network(release) {
        let host = web1(release).start();
        let anna = anna();
        let (key_type, blob) = anna.words();
        for account in ["root", "deploy", "acme"] {
            let hook = traced(&host, &["/usr/lib/tom/tom-authorized-keys", account, key_type, blob]);
            assert_eq!((hook.0, network(&hook.1).len()), (true, 0), "{}", hook.1);
        }
        // libpam itself may ask for the name in PAM_RHOST (it tells the kernel's audit): the stack with tom's
        // lines asks for nothing that it does not ask for without them, be the answer yes or no.
        let without = web1(release).without_pam_account().without_pam_session().start();
        for rhost in [OFFICE, "client.example.net", "tty1"] {
            for (account, allowed) in [("root", true), ("deploy", false), ("acme", true)] {
                let with_tom = traced(&host, &sshd(rhost, account));
                assert_eq!(with_tom.0, allowed, "{account} from {rhost}: {}", with_tom.1);
                let without_tom = traced(&without, &sshd(rhost, account));
                let (seen, before) = (network(&with_tom.1), network(&without_tom.1));
                assert!(seen.len() <= before.len(), "{account} from {rhost}: {seen:#?} instead of {before:#?}");
                let by_ip = seen.iter().filter(|call| call.contains("AF_INET")).count();
                assert!(rhost != OFFICE || by_ip == 0, "{account}: {seen:#?}");
            }
        }
        // The trace would show it: asking for a name does.
        assert!(!network(&traced(&host, &["getent", "ahosts", "name.example.net"]).1).is_empty());
    }
}

/// sshd's account and session phases for Anna from the office, by pamtester.
fn sshd(rhost: &str, account: &str) -> Vec<String> {
    let said = [
        format!("-Irhost={rhost}"),
        format!("-ESSH_CONNECTION={OFFICE} 40000 192.0.2.1 22"),
        format!("-ESSH_AUTH_INFO_0=publickey {}", anna().public()),
    ];
    let words = ["sshd", account, "acct_mgmt", "open_session"].map(str::to_owned);
    ["pamtester".to_owned()].into_iter().chain(said).chain(words).collect()
}

/// Whether it succeeded, and its socket calls.
fn traced(host: &Host, program: &[impl AsRef<str>]) -> (bool, String) {
    let strace = ["strace", "-f", "-o", "/tmp/trace", "-e", "trace=socket,connect,sendto,exit_group"];
    let line: Vec<&str> = strace.into_iter().chain(program.iter().map(AsRef::as_ref)).collect();
    let output = host.run(line);
    (output.success(), std::fs::read_to_string(host.path("/tmp/trace")).expect("a trace"))
}
