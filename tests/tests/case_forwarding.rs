//! Adversarial case 28: what needs no shell. Attribution of each is in login_attribution.rs too; here beside
//! each other, for who is allowed and who is denied.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{ELSEWHERE, OFFICE, OFFICE_V6, anna, anna_red, web1};
use tom_tests::{Host, Key, on_each_release};

fn attributed(host: &Host, person: &str, label: &str, from: &str) {
    let event = host.journal().event("login-allowed");
    assert_eq!(["TOM_PERSON", "TOM_KEY", "TOM_FROM"].map(|field| event.get(field)), [person, label, from]);
    host.journal().clear();
}

on_each_release! {
    fn case_28_whoever_is_allowed_is_attributed_whatever_the_channel(release) {
        let host = web1(release).start();
        let echo = host.echo_service();
        for (key, label, from) in [(anna(), "blue", OFFICE), (anna_red(), "red", OFFICE_V6)] {
            let client = || host.ssh("root").key(&key).from(from);
            host.journal().clear();
            let connection = client().open(&["8007:127.0.0.1:7"]).expect("anna comes in");
            assert_eq!(connection.through_port(8007, "hello\n"), "hello\n");
            drop(connection);
            attributed(&host, "anna", label, from);
            assert_eq!(client().stdio_forward(echo, "hello\n").assert_allowed().stdout, "hello\n");
            attributed(&host, "anna", label, from);
            client().sftp("get /etc/hostname /tmp/by-sftp").assert_allowed();
            attributed(&host, "anna", label, from);
            client().scp_to("/etc/hostname", "/tmp/to-scp").assert_allowed();
            attributed(&host, "anna", label, from);
        }
    }

    fn case_28_internal_sftp_is_attributed_and_denied_alike(release) {
        let host = web1(release).sshd_drop_in("20-internal.conf", "Match all\nForceCommand internal-sftp\n").start();
        host.ssh("root").key(&anna()).from(OFFICE).sftp("get /etc/hostname /tmp/by-sftp").assert_allowed();
        attributed(&host, "anna", "blue", OFFICE);
        host.ssh("root").key(&anna()).from(ELSEWHERE).sftp("get /etc/hostname /tmp/no").assert_refused();
        host.ssh("root").key(&Key::file("laptop")).from(OFFICE).sftp("get /etc/hostname /tmp/no").assert_refused();
        assert!(!host.path("/tmp/no").exists() && host.path("/tmp/by-sftp").exists());
    }

    fn case_28_a_shared_connection_stays_its_owners(release) {
        // Whoever reuses the control socket, from wherever they sit, is to the host the one who opened it.
        let host = web1(release).start();
        let connection = host.ssh("root").key(&anna()).from(OFFICE).open(&[]).expect("anna comes in");
        attributed(&host, "anna", "blue", OFFICE);
        let said = connection.run("echo $TOM_PERSON ${SSH_CONNECTION%% *}").expect_success().stdout;
        assert_eq!(said, format!("anna {OFFICE}\n"));
    }

    fn case_28_whoever_is_denied_gets_no_forwarding(release) {
        // The other layers for the key, then each phase of PAM alone.
        let lines = format!("{}\n{}\n", anna().public(), Key::file("laptop").public());
        let all = web1(release);
        let session = web1(release).without_hook("root", &lines).without_pam_account();
        for bench in [all, session] {
            let host = bench.start();
            let echo = host.echo_service();
            host.journal().clear();
            let denied = [(Key::file("laptop"), OFFICE), (anna(), ELSEWHERE)];
            for (key, from) in denied {
                let client = || host.ssh("root").key(&key).from(from);
                client().stdio_forward(echo, "hello\n").assert_refused();
                client().sftp("get /etc/hostname /tmp/no").assert_refused();
                client().scp_from("/etc/hostname", "/tmp/no").assert_refused();
                if let Ok(connection) = client().open(&["8007:127.0.0.1:7"]) {
                    assert_eq!(connection.through_port(8007, "hello\n"), "");
                    assert!(!connection.run("id").success());
                }
            }
            assert!(!host.path("/tmp/no").exists());
            assert!(host.journal().events().iter().all(|event| event.get("TOM_VERDICT") != "allow"));
        }
    }
}
