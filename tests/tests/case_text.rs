//! Adversarial case 14: text that ends a line, starts a field, or reads as something else.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{anna, policy_with, web1};
use tom_tests::{Host, on_each_release};

/// Strings of TOML, escaped as TOML wants it.
const CONTROL: [&str; 7] =
    ["a\\nTOM_PERSON=cora", "a\\rb", "a\\tb", "a\\u202eb", "a\\u2066b", "a\\u0000b", "a\\u001b[2Jb"];

/// The sample policy with `new` for `old` is refused at that line, and what was said of it can be shown.
fn assert_refused(host: &Host, what: &str, old: &str, new: &str) {
    let policy = policy_with(old, new);
    host.write_policy(&policy);
    let checked = host.run(["tom", "policy", "check"]);
    assert_eq!(checked.status, Some(4), "{what} {new}: {checked:#?}");
    let line = policy.lines().position(|line| line.contains(new)).expect("the line") + 1;
    let said = format!("{}{}", checked.stdout, checked.stderr);
    assert!(said.contains(&format!("/etc/tom/policy.toml:{line}:")), "{what} {new}: not line {line}: {said}");
    assert!(!said.contains(['\r', '\u{202e}', '\u{2066}', '\u{1b}', '\0']), "{what}: {said:?}");
}

on_each_release! {
    fn case_14_names_that_are_no_names_are_refused_at_load(release) {
        let host = web1(release).without_sshd().start();
        let active = std::fs::read(host.path("/var/lib/tom/active/resolved")).expect("the active policy");
        for text in CONTROL {
            assert_refused(&host, "a person's name", "\"Anna Beispiel\"", &format!("\"{text}\""));
            assert_refused(&host, "a role", "\"managing director\"", &format!("\"{text}\""));
            assert_refused(&host, "the operator", "\"Example Hosting GmbH\"", &format!("\"{text}\""));
            assert_refused(&host, "a reason", "\"nightly pull backup\"", &format!("\"{text}\""));
            assert_refused(&host, "a command", "/usr/local/sbin/backup-job", &format!("/x/{text}"));
        }
        let marks = ["a\\\"b", "a,b", "a:b", "a b", "a=b", "", "ä", "a/b"];
        for text in CONTROL.into_iter().chain(marks) {
            assert_refused(&host, "a person's id", "id    = \"anna\"", &format!("id = \"{text}\""));
            assert_refused(&host, "a grant's id", "id       = \"operator-admins\"", &format!("id = \"{text}\""));
            assert_refused(&host, "a machine's id", "id       = \"nightly-backup\"", &format!("id = \"{text}\""));
        }
        for text in CONTROL.into_iter().chain(["a\\\"b", "a,b", "a:b", ""]) {
            assert_refused(&host, "a label", "label  = \"red\"", &format!("label = \"{text}\""));
            assert_refused(&host, "an account", "accounts = [\"deploy\"]", &format!("accounts = [\"{text}\"]"));
        }
        assert_eq!(host.run(["tom", "apply", "--now"]).status, Some(4));
        let now = std::fs::read(host.path("/var/lib/tom/active/resolved")).expect("the active policy");
        assert_eq!(active, now);
    }

    fn case_14_an_event_is_one_line_whatever_strangers_say(release) {
        let everything = "auth required pam_permit.so\n@include common-account\n";
        let service = "x\u{202e}y";
        let host = web1(release)
            .file("/etc/pam.d/vsftpd", 0o644, everything)
            .file(&format!("/etc/pam.d/{service}"), 0o644, everything)
            .start();
        host.journal().clear();
        let hostile = ["root\nTOM_VERDICT=allow\nTOM_PERSON=anna", "root\r\u{202e}", "a\u{1b}[2J", "\u{feff}root", "x\\x0a"];
        let anna = anna();
        let (key_type, blob) = anna.words();
        for text in hostile {
            // As the name of an account, an address, a caller.
            host.run(["/usr/lib/tom/tom-authorized-keys", text, key_type, blob]).expect_success();
            let asked = [
                host.pam("vsftpd", text).item("rhost", text).ask(&["acct_mgmt"]),
                host.pam("vsftpd", "root").item("rhost", text).ask(&["acct_mgmt"]),
                host.pam("sudo", "root").item("ruser", text).ask(&["authenticate"]),
                host.pam("sshd", "root").env("SSH_CONNECTION", &format!("{text} 1 2 3")).ask(&["acct_mgmt"]),
                host.pam("sshd", "root").env("SSH_AUTH_INFO_0", text).ask(&["open_session"]),
            ];
            assert!(asked.iter().all(|output| !output.success()), "{asked:#?}");
        }
        assert!(!host.pam(service, "root").ask(&["acct_mgmt"]).success());
        let event = host.journal().wait_for("the last one", |event| event.get("TOM_SERVICE").starts_with('x'));
        assert_eq!(event.get("TOM_SERVICE"), "x\\u{202e}y");
        let events: Vec<_> = host.journal().events().into_iter().filter(|event| !event.get("TOM_EVENT").is_empty()).collect();
        assert!(events.len() > 15, "{events:#?}");
        for event in events {
            assert_eq!(event.get("TOM_VERDICT"), "deny", "{event:#?}");
            assert!(event.get("TOM_PERSON").is_empty(), "{event:#?}");
            for field in ["MESSAGE", "TOM_ACCOUNT", "TOM_FROM", "TOM_INVOKER", "TOM_SERVICE"] {
                let value = event.get(field);
                assert!(!value.contains(['\n', '\r', '\u{1b}', '\u{202e}', '\u{feff}']), "{field}: {value:?}");
            }
        }
    }

    fn case_14_syslog_gets_one_line_too(release) {
        let host = web1(release).without_journal().with_syslog().file("/etc/pam.d/vsftpd", 0o644, "account required pam_tom.so\n").start();
        host.syslog().clear();
        let pam = host.pam("vsftpd", "root").item("rhost", "a\nroot: TOM_PERSON=anna entered\r");
        assert!(!pam.ask(&["acct_mgmt"]).success());
        std::thread::sleep(std::time::Duration::from_millis(100));
        let lines = host.syslog().lines();
        let ours: Vec<_> = lines.iter().filter(|line| line.contains("TOM_") || line.contains("refused")).collect();
        assert_eq!(ours.len(), 1, "{lines:#?}");
        assert!(!ours[0].trim_end().contains(['\n', '\r']) && ours[0].contains("\\x0a"), "{ours:?}");
    }
}
