//! Adversarial cases about addresses: 10, 11.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test says what it expects")]

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

fn sockets(trace: &str) -> Vec<&str> {
    trace.lines().filter(|line| line.contains("socket(") || line.contains("connect(")).collect()
}

fn assert_local(what: &str, trace: &str) {
    assert!(trace.contains("exit"), "{what}: no trace: {trace}");
    for line in sockets(trace) {
        // libpam tells the kernel's audit, by netlink.
        assert!(line.contains("AF_UNIX") || line.contains("NETLINK_AUDIT"), "{what}: {line}");
    }
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
        let (key_type, blob) = anna().public().split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("two words");
        let line = host.run(["/usr/lib/tom/tom-authorized-keys", "root", &key_type, &blob]).expect_success().stdout;
        assert!(line.contains("from=\"198.51.100.7,203.0.113.0/24,2001:db8::/32\""), "{line}");
        host.ssh("root").key(&anna()).from(ELSEWHERE).run("id").assert_allowed();
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
        let connection = format!("{OFFICE} 40000 192.0.2.1 22");
        let info = format!("publickey {}", anna().public());
        let (key_type, blob) = anna().public().split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("two words");
        let hook = |account: &str| vec!["/usr/lib/tom/tom-authorized-keys".to_owned(), account.to_owned(), key_type.clone(), blob.clone()];
        let pam = |rhost: &str, account: &str, phases: &[&str]| -> Vec<String> {
            let mut line = vec!["pamtester".to_owned(), format!("-Irhost={rhost}"), format!("-ESSH_CONNECTION={connection}"), format!("-ESSH_AUTH_INFO_0={info}")];
            line.extend(["sshd", account].map(str::to_owned));
            line.extend(phases.iter().map(|phase| (*phase).to_owned()));
            line
        };
        let session = &["acct_mgmt", "open_session"][..];
        let asked = [
            ("hook", hook("root"), true),
            ("hook refusing", hook("deploy"), true),
            ("login", pam(OFFICE, "root", session), true),
            ("login from a name", pam("client.example.net", "root", session), true),
            ("login refused", pam("client.example.net", "deploy", session), false),
            ("customer", pam("client.example.net", "acme", session), true),
        ];
        for (what, program, fine) in asked {
            let output = traced(&host, &program);
            assert_eq!(output.0, fine, "{what}: {}", output.1);
            assert_local(what, &output.1);
        }
        // The trace would show it: asking for a name does.
        let lookup = traced(&host, &["getent", "ahosts", "name.example.net"].map(str::to_owned));
        assert!(sockets(&lookup.1).iter().any(|line| line.contains("AF_INET")), "{}", lookup.1);
    }
}

/// Whether it succeeded, and its socket calls.
fn traced(host: &Host, program: &[String]) -> (bool, String) {
    let strace = ["strace", "-f", "-o", "/tmp/trace", "-e", "trace=socket,connect,sendto,sendmsg,exit_group"];
    let line: Vec<&str> = strace.into_iter().chain(program.iter().map(String::as_str)).collect();
    let output = host.run(line);
    (output.success(), std::fs::read_to_string(host.path("/tmp/trace")).expect("a trace"))
}
