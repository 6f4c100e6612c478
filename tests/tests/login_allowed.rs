//! Who is allowed gets in, and gets what the policy gives: no more.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{
    ACME_OFFICE, ACME_OFFICE_V6, BACKUP_SERVER, HOME, OFFICE, OFFICE_V6, anna, anna_red, backup_job, bert, host, max,
    web1,
};
use tom_tests::{Host, on_each_release};

/// What the backup job says, whatever it was asked for.
const BACKUP_DONE: &str = "backup by machine=nightly-backup person= with two words\n";

on_each_release! {
    fn a_token_with_its_pin_from_an_allowed_address(release) {
        let host = web1(release).start();
        for key in [anna(), anna_red(), bert()] {
            for from in [OFFICE, OFFICE_V6, HOME] {
                let login = host.ssh("root").key(&key).from(from).run("id -un");
                assert_eq!(login.assert_allowed().stdout, "root\n");
            }
        }
        let deploy = host.ssh("deploy").key(&bert()).from(OFFICE_V6).run("id -un");
        assert_eq!(deploy.assert_allowed().stdout, "deploy\n");
    }

    fn every_use_of_a_session(release) {
        let host = web1(release).start();
        let echo = host.echo_service();
        let client = || host.ssh("root").key(&anna()).from(OFFICE);
        client().sftp("get /etc/hostname /tmp/by-sftp").assert_allowed();
        client().scp_from("/etc/hostname", "/tmp/by-scp").assert_allowed();
        client().scp_to("/etc/hostname", "/tmp/to-scp").assert_allowed();
        assert_eq!(client().stdio_forward(echo, "hello\n").assert_allowed().stdout, "hello\n");
        let connection = client().open(&["8007:127.0.0.1:7"]).expect("anna comes in");
        assert_eq!(connection.through_port(8007, "hello\n"), "hello\n");
        for copy in ["/tmp/by-sftp", "/tmp/by-scp", "/tmp/to-scp"] {
            assert!(host.path(copy).exists(), "{copy}");
        }
    }

    fn a_customers_administrator_on_that_customers_host(release) {
        let host = host(release, "root7.example.net").start();
        for from in [ACME_OFFICE, ACME_OFFICE_V6] {
            let login = host.ssh("root").key(&max()).from(from).run("echo $TOM_PERSON $TOM_KEY");
            assert_eq!(login.assert_allowed().stdout, "max laptop\n");
        }
        // The operator's administrators too.
        host.ssh("root").key(&anna()).from(OFFICE).run("true").assert_allowed();
    }

    fn the_backup_job_its_forced_command(release) {
        let host = web1(release).start();
        for asked in ["", "id", "/bin/sh -i", "cat /etc/shadow"] {
            let login = backup(&host).run(asked);
            assert_eq!(login.assert_allowed().stdout, BACKUP_DONE, "asked for {asked:?}");
        }
    }

    fn the_backup_job_nothing_else(release) {
        let host = web1(release).start();
        let echo = host.echo_service();
        // With a terminal asked for: none is given.
        let terminal = backup(&host).with_terminal().run("id");
        assert!(terminal.stdout.is_empty() && terminal.stderr.contains("PTY allocation request failed"), "{terminal:#?}");
        let control = host.ssh("root").key(&anna()).from(OFFICE).with_terminal().run("tty");
        assert!(control.assert_allowed().stdout.starts_with("/dev/pts/"), "{control:#?}");
        // sftp and scp reach the forced command, which speaks neither.
        let sftp = backup(&host).sftp("get /etc/shadow /tmp/by-sftp");
        assert!(!sftp.allowed(), "{sftp:#?}");
        let scp = [backup(&host).scp_from("/etc/shadow", "/tmp/by-scp"), backup(&host).scp_to("/etc/hostname", "/tmp/to-scp")];
        assert!(scp.iter().all(|copy| !copy.allowed()), "{scp:#?}");
        for copy in ["/tmp/by-sftp", "/tmp/by-scp", "/tmp/to-scp"] {
            assert!(!host.path(copy).exists(), "{copy}");
        }
        let forwarded = backup(&host).stdio_forward(echo, "hello\n");
        assert_eq!((forwarded.stdout.as_str(), forwarded.allowed()), ("", false), "{forwarded:#?}");
        // -N -L: the connection stands, and carries nothing.
        if let Ok(connection) = backup(&host).open(&["8007:127.0.0.1:7"]) {
            assert_eq!(connection.through_port(8007, "hello\n"), "");
            assert_eq!(connection.run("id").stdout, BACKUP_DONE);
        }
        // -R and the agent's socket.
        let remote = backup(&host).option("ExitOnForwardFailure=yes").option("RemoteForward=8008 127.0.0.1:7").run("id");
        assert!(!remote.allowed() && remote.stdout.is_empty(), "{remote:#?}");
    }
}

fn backup(host: &Host) -> tom_tests::SshClient<'_> {
    host.ssh("root").key(&backup_job()).from(BACKUP_SERVER)
}
