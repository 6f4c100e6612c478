//! A session of somebody allowed carries their name: in the journal and in its environment.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{BACKUP_SERVER, OFFICE, OFFICE_V6, anna, anna_red, backup_job, bert, web1};
use tom_tests::{Event, Host, Key, Release, SshClient, on_each_release};

/// MESSAGE_ID of an allowed session: fixed for all versions.
const LOGIN_ALLOWED: &str = "0fa7fcf5a9f94ea9430ba6f0c23d80d5";
const NAMES: &str = "echo $TOM_PERSON,$TOM_KEY,$TOM_MACHINE";

/// The one event of tom's since the journal was cleared.
fn the_one_event(host: &Host) -> Event {
    let event = host.journal().event("login-allowed");
    let events: Vec<Event> = host.journal().events().into_iter().filter(of_tom).collect();
    assert_eq!(events.len(), 1, "{events:#?}");
    host.journal().clear();
    event
}

fn of_tom(event: &Event) -> bool {
    !event.get("TOM_EVENT").is_empty()
}

/// What ssh-keygen says of the key.
fn fingerprint(host: &Host, key: &Key) -> String {
    let said = host.command().stdin(key.public()).run(["ssh-keygen", "-lf", "-"]).expect_success().stdout;
    said.split(' ').nth(1).expect("bits, fingerprint, comment, type").to_owned()
}

fn assert_is_annas(host: &Host, event: &Event, from: &str) {
    let fingerprint = fingerprint(host, &anna());
    let wanted = [
        ("MESSAGE_ID", LOGIN_ALLOWED),
        ("TOM_EVENT", "login-allowed"),
        ("TOM_VERDICT", "allow"),
        ("TOM_REASON", "granted"),
        ("TOM_PERSON", "anna"),
        ("TOM_KEY", "blue"),
        ("TOM_KEY_FINGERPRINT", &fingerprint),
        ("TOM_FROM", from),
        ("TOM_ACCOUNT", "root"),
        ("TOM_SERVICE", "sshd"),
        ("TOM_GRANT", "operator-admins"),
        ("TOM_HOST", "web1.example.net"),
        ("TOM_POLICY_SERIAL", "2026112301"),
        ("TOM_MACHINE", ""),
        ("TOM_INVOKER", ""),
    ];
    for (field, value) in wanted {
        assert_eq!(event.get(field), value, "{field} of {event:#?}");
    }
    assert!(fingerprint.starts_with("SHA256:"), "{fingerprint}");
    assert_eq!(event.get("MESSAGE"), format!("anna with key 'blue' entered root by sshd from {from}"));
}

on_each_release! {
    fn every_kind_of_session_is_one_event(release) {
        let host = web1(release).start();
        let echo = host.echo_service();
        for from in [OFFICE, OFFICE_V6] {
            let client = || {
                host.journal().clear();
                host.ssh("root").key(&anna()).from(from)
            };
            client().run("true").assert_allowed();
            assert_is_annas(&host, &the_one_event(&host), from);
            client().run("").assert_allowed();
            assert_is_annas(&host, &the_one_event(&host), from);
            client().sftp("get /etc/hostname /tmp/copy").assert_allowed();
            assert_is_annas(&host, &the_one_event(&host), from);
            client().scp_from("/etc/hostname", "/tmp/copy2").assert_allowed();
            assert_is_annas(&host, &the_one_event(&host), from);
            client().stdio_forward(echo, "hello\n").assert_allowed();
            assert_is_annas(&host, &the_one_event(&host), from);
        }
    }

    fn the_session_knows_who_it_is(release) {
        let host = web1(release).start();
        let names = |key: &Key| host.ssh("root").key(key).from(OFFICE).run(NAMES).assert_allowed().stdout.clone();
        assert_eq!(names(&anna()), "anna,blue,\n");
        assert_eq!(names(&anna_red()), "anna,red,\n");
        assert_eq!(names(&bert()), "bert,blue,\n");
    }

    fn the_backup_job_is_a_machine_in_both(release) {
        let host = web1(release).start();
        host.journal().clear();
        let login = host.ssh("root").key(&backup_job()).from(BACKUP_SERVER).run("");
        assert!(login.assert_allowed().stdout.contains("machine=nightly-backup person= "), "{login:#?}");
        let event = the_one_event(&host);
        let fingerprint = fingerprint(&host, &backup_job());
        let names = ["TOM_MACHINE", "TOM_PERSON", "TOM_KEY", "TOM_GRANT", "TOM_FROM", "TOM_KEY_FINGERPRINT"];
        assert_eq!(names.map(|name| event.get(name)), ["nightly-backup", "", "", "", BACKUP_SERVER, &fingerprint]);
    }

    fn a_client_cannot_forge_it(release) {
        // The host's administrator was careless with AcceptEnv.
        let careless = "AcceptEnv *\nPermitUserEnvironment yes\n";
        let host = web1(release).sshd_drop_in("05-careless.conf", careless).start();
        host.write("/root/.ssh/environment", 0o600, "TOM_PERSON=cora\nTOM_KEY=x\nTOM_MACHINE=y\n");
        let sent = |client: SshClient<'_>, command: &str| {
            let client = client.option("SendEnv=TOM_* SSH_*").option("SetEnv=SSH_AUTH_INFO_0=x");
            let client = client.env("TOM_PERSON", "cora").env("TOM_KEY", "x").env("SSH_AUTH_INFO_0", "publickey x");
            client.run(command).assert_allowed().stdout.clone()
        };
        let said = sent(host.ssh("root").key(&anna()).from(OFFICE), NAMES);
        assert_eq!(said.split(',').take(2).collect::<Vec<_>>(), ["anna", "blue"], "{said}");
        let event = host.journal().event("login-allowed");
        assert_eq!((event.get("TOM_PERSON"), event.get("TOM_KEY")), ("anna", "blue"));
        // Of a machine no person is said, of a person no machine.
        assert_eq!(said, "anna,blue,\n");
        let said = sent(host.ssh("root").key(&backup_job()).from(BACKUP_SERVER), "");
        assert!(said.starts_with("backup by machine=nightly-backup person= with"), "{said}");
    }

    fn a_file_in_the_home_directory_cannot_forge_the_journal(release) {
        let host = web1(release).start();
        host.write("/root/.pam_environment", 0o600, "TOM_PERSON=cora\nTOM_KEY=x\nTOM_MACHINE=y\n");
        let login = host.ssh("root").key(&anna()).from(OFFICE).run(NAMES);
        let event = host.journal().event("login-allowed");
        assert_eq!((event.get("TOM_PERSON"), event.get("TOM_KEY"), event.get("TOM_MACHINE")), ("anna", "blue", ""));
        // The environment is another matter on Debian 12: its sshd stack lets pam_env read this file
        // (user_readenv=1) after every included session module, so after ours. Debian 13's does not. Whoever
        // may write it could say the same in ~/.bashrc.
        let shown = match release {
            Release::Bookworm => "cora,x,y\n",
            Release::Trixie => "anna,blue,\n",
        };
        assert_eq!(login.assert_allowed().stdout, shown);
    }

    fn sessions_over_one_connection_are_that_persons(release) {
        let host = web1(release).start();
        host.journal().clear();
        let connection = host.ssh("root").key(&anna()).from(OFFICE).open(&[]).expect("anna comes in");
        // `ssh -N` alone is a session that is told.
        assert_is_annas(&host, &the_one_event(&host), OFFICE);
        for _ in 0..3 {
            assert_eq!(connection.run(NAMES).expect_success().stdout, "anna,blue,\n");
            let address = connection.run("echo ${SSH_CONNECTION%% *}").expect_success().stdout;
            assert_eq!(address.trim(), OFFICE);
        }
        assert!(!host.journal().events().iter().any(of_tom));
    }
}
