//! A host that observes decides and tells, refuses nobody, and cannot be mistaken for one that enforces.

#![allow(clippy::expect_used, clippy::indexing_slicing, reason = "a test says what it expects")]

use tom_tests::company::{ELSEWHERE, OFFICE, anna, web1};
use tom_tests::{Event, Host, Key, OBSERVE_PROFILE, PASSWORD, on_each_release};

const NAMES: &str = "env | grep ^TOM_; ls /run/tom 2>/dev/null; id -un";

/// tom's events since the journal was cleared, once this kind has come.
fn events(host: &Host, kind: &str) -> Vec<Event> {
    let _ = host.journal().event(kind);
    let events = host.journal().events().into_iter().filter(|event| !event.get("TOM_EVENT").is_empty()).collect();
    host.journal().clear();
    events
}

fn assert_would_refuse(host: &Host, reason: &str, account: &str, service: &str) -> Event {
    let events = events(host, "would-refuse");
    assert_eq!(events.len(), 1, "one login, one event: {events:#?}");
    let fields = ["TOM_VERDICT", "TOM_REASON", "TOM_ACCOUNT", "TOM_SERVICE", "TOM_PERSON"];
    assert_eq!(fields.map(|field| events[0].get(field)), ["would-deny", reason, account, service, ""], "{events:#?}");
    let begin = format!("OBSERVING: would have refused {account} by {service}");
    assert!(events[0].get("MESSAGE").starts_with(&begin), "{events:#?}");
    events[0].clone()
}

on_each_release! {
    fn what_would_be_refused_is_told_and_goes_on(release) {
        let host = web1(release).observing().start();
        let stranger = Key::file("laptop");
        host.authorized_keys("root", &format!("{}\n{}\n", stranger.public(), anna().public()));
        host.authorized_keys("acme", &format!("{}\n", stranger.public()));
        host.journal().clear();
        let enters = |account: &str, key: &Key, from: &str| {
            let login = host.ssh(account).key(key).from(from).run(NAMES);
            assert_eq!(login.assert_allowed().stdout, format!("{account}\n"), "no name, no session on record");
        };
        // A key that is nobody's: authorized_keys are in force.
        enters("root", &stranger, OFFICE);
        let event = assert_would_refuse(&host, "key-unknown", "root", "sshd");
        assert_eq!(event.get("TOM_FROM"), OFFICE);
        assert!(event.get("TOM_KEY_FINGERPRINT").starts_with("SHA256:"));
        // Anna's token from elsewhere.
        let login = host.ssh("root").key(&anna()).from(ELSEWHERE).run(NAMES);
        assert_eq!(login.assert_allowed().stdout, "root\n");
        let told = events(&host, "would-refuse");
        assert_eq!((told.len(), told[0].get("TOM_REASON"), told[0].get("TOM_PERSON")), (1, "address-not-allowed", "anna"));
        // An ordinary user is no concern of tom's.
        enters("acme", &stranger, ELSEWHERE);
        assert_eq!(host.journal().events().iter().filter(|event| !event.get("TOM_EVENT").is_empty()).count(), 0);
    }

    fn what_would_be_allowed_reads_like_nothing_else(release) {
        let host = web1(release).observing().start();
        host.authorized_keys("root", &format!("{}\n", anna().public()));
        host.journal().clear();
        let login = host.ssh("root").key(&anna()).from(OFFICE).run(NAMES);
        assert_eq!(login.assert_allowed().stdout, "root\n");
        let told = events(&host, "would-allow");
        assert_eq!(told.len(), 1, "{told:#?}");
        let fields = ["TOM_EVENT", "TOM_VERDICT", "TOM_PERSON", "TOM_KEY", "TOM_REASON", "PRIORITY"];
        assert_eq!(fields.map(|field| told[0].get(field)), ["would-allow", "would-allow", "anna", "blue", "granted", "6"]);
        let wanted = format!("OBSERVING: anna with key 'blue' would have entered root by sshd from {OFFICE}");
        assert_eq!(told[0].get("MESSAGE"), wanted);
    }

    fn su_login_and_other_services_go_on(release) {
        let everything = "@include common-auth\n@include common-account\n@include common-session\n";
        let host = web1(release).observing().file("/etc/pam.d/vsftpd", 0o644, everything).start();
        host.journal().clear();
        let typed = format!("{PASSWORD}\n");
        let output = host.as_user("acme").stdin(typed.clone()).run(["su", "deploy", "-c", "id -un; env | grep ^TOM_"]);
        assert_eq!(output.stdout, "deploy\n", "{output:#?}");
        assert_would_refuse(&host, "no-grant", "deploy", "su");
        let phases = ["authenticate", "acct_mgmt", "open_session", "close_session"];
        host.pam("login", "deploy").typing(&typed).item("tty", "tty1").ask(&phases).expect_success();
        assert_would_refuse(&host, "no-grant", "deploy", "login");
        host.pam("vsftpd", "deploy").typing(&typed).item("rhost", OFFICE).ask(&phases).expect_success();
        assert_would_refuse(&host, "no-grant", "deploy", "vsftpd");
    }

    /// The answer itself is the true one; only the profile's control passes over it.
    fn the_answer_is_the_true_one(release) {
        let host = web1(release).observing().start();
        for phase in ["account", "session"] {
            let stack = format!("{phase} required pam_tom.so observe\n{phase} required pam_permit.so\n");
            host.write("/etc/pam.d/vsftpd", 0o644, &stack);
            let asked = if phase == "account" { "acct_mgmt" } else { "open_session" };
            assert!(!host.pam("vsftpd", "root").item("rhost", OFFICE).ask(&[asked]).success(), "{phase}");
            // An option that nobody knows is an error, and a denial, with this one beside it too.
            for options in ["observe debug", "observe observe", "Observe", "observe=1"] {
                host.write("/etc/pam.d/vsftpd", 0o644, stack.replace("observe", options));
                host.journal().clear();
                assert!(!host.pam("vsftpd", "acme").ask(&[asked]).success(), "{phase} {options}");
                assert!(host.journal().event("refused").get("MESSAGE").contains("pam_tom has no option"));
            }
        }
    }

    fn the_profile_is_what_pam_auth_update_takes_and_shuts_the_other_out(release) {
        let host = web1(release).observing().start();
        let files = ["common-account", "common-session", "common-session-noninteractive"];
        let lines = || files.map(|file| {
            let text = std::fs::read_to_string(host.path(format!("/etc/pam.d/{file}"))).expect("it is there");
            let line = text.lines().find(|line| line.contains("pam_tom.so")).unwrap_or_default().to_owned();
            line.split_whitespace().collect::<Vec<_>>().join(" ")
        });
        let ours = lines();
        assert!(ours.iter().all(|line| line.ends_with("[default=ignore] pam_tom.so observe")), "{ours:?}");
        host.write("/usr/share/pam-configs/tom-observe", 0o644, OBSERVE_PROFILE);
        host.write("/usr/share/pam-configs/tom", 0o644, tom_tests::PROFILE);
        let update = |options: &[&str]| {
            let line = [&["pam-auth-update", "--force"][..], options].concat();
            host.command().env("DEBIAN_FRONTEND", "noninteractive").run(line).expect_success();
            let text = std::fs::read_to_string(host.path("/etc/pam.d/common-account")).expect("it is there");
            assert_eq!(text.matches("pam_tom.so").count(), 1, "{text}");
            lines()
        };
        assert_eq!(update(&["--enable", "tom-observe"]), ours);
        // Measured: to enable the one that enforces is not enough, and ends with 0 all the same.
        assert_eq!(update(&["--enable", "tom"]), ours);
        let enforcing = update(&["--enable", "tom", "--disable", "tom-observe"]);
        assert!(enforcing.iter().all(|line| line.ends_with("default=bad] pam_tom.so")), "{enforcing:?}");
        assert_eq!(update(&["--enable", "tom-observe", "--disable", "tom"]), ours);
    }
}
