//! Adversarial cases about what PAM is told: 16, 17.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test says what it expects"
)]

use tom_tests::company::{ELSEWHERE, OFFICE, anna, bert, policy_and, web1};
use tom_tests::{Account, Event, Host, Key, PASSWORD, Refusal, on_each_release};

const EVERYTHING: &str = "@include common-auth\n@include common-account\n@include common-session\n";

fn info(key: &Key) -> String {
    format!("publickey {}", key.public())
}

fn connection(from: &str) -> String {
    format!("{from} 40000 192.0.2.1 22")
}

fn denied_for(host: &Host, reason: &str) -> Event {
    let event = host.journal().event("refused");
    assert_eq!(event.get("TOM_REASON"), reason, "{event:#?}");
    host.journal().clear();
    event
}

on_each_release! {
    fn case_16_a_forged_environment_does_not_make_the_key_anothers(release) {
        // The session phase alone, against whoever brings a key that sshd believes.
        let stranger = Key::file("laptop");
        let careless = "AcceptEnv *\nPermitUserEnvironment yes\n";
        let bench = web1(release).without_hook("root", stranger.public()).without_pam_account().sshd_drop_in("05-careless.conf", careless);
        let host = bench.start();
        let forged = format!("SSH_AUTH_INFO_0={}\nSSH_CONNECTION={}\n", info(&anna()), connection(OFFICE));
        host.write("/root/.pam_environment", 0o600, &forged);
        host.write("/root/.ssh/environment", 0o600, &forged);
        host.journal().clear();
        let client = || host.ssh("root").key(&stranger).from(OFFICE).option("SendEnv=SSH_AUTH_INFO_0 SSH_CONNECTION");
        let client = || client().env("SSH_AUTH_INFO_0", &info(&anna())).env("SSH_CONNECTION", &connection(OFFICE));
        client().run("id").assert_refused_by(Refusal::PamSession);
        denied_for(&host, "key-unknown");
        let set = format!("SetEnv=SSH_AUTH_INFO_0=\"{}\"", info(&anna()));
        client().option(&set).run("id").assert_refused_by(Refusal::PamSession);
        denied_for(&host, "key-unknown");
    }

    fn case_16_a_forged_environment_does_not_move_the_client(release) {
        let careless = "AcceptEnv *\nPermitUserEnvironment yes\n";
        let forged = format!("SSH_CONNECTION={}\nSSH_CLIENT={OFFICE} 40000 22\n", connection(OFFICE));
        for session_alone in [false, true] {
            let bench = web1(release).without_hook("root", anna().public()).sshd_drop_in("05-careless.conf", careless);
            let host = if session_alone { bench.without_pam_account() } else { bench.without_pam_session() }.start();
            host.write("/root/.pam_environment", 0o600, &forged);
            host.write("/root/.ssh/environment", 0o600, &forged);
            host.journal().clear();
            let client = host.ssh("root").key(&anna()).from(ELSEWHERE).option("SendEnv=SSH_CONNECTION SSH_CLIENT");
            let login = client.env("SSH_CONNECTION", &connection(OFFICE)).run("id");
            login.assert_refused_by(if session_alone { Refusal::PamSession } else { Refusal::PamAccount });
            assert_eq!(denied_for(&host, "address-not-allowed").get("TOM_FROM"), ELSEWHERE);
        }
    }

    fn case_16_without_sshds_word_about_the_key_there_is_no_session(release) {
        let host = web1(release).start();
        let sshd = || host.pam("sshd", "root").item("rhost", OFFICE).env("SSH_CONNECTION", &connection(OFFICE));
        // A public-key login has no SSH_AUTH_INFO_0 in the account phase: address and grants decide there.
        sshd().ask(&["acct_mgmt"]).expect_success();
        sshd().env("SSH_AUTH_INFO_0", &info(&anna())).ask(&["acct_mgmt", "open_session"]).expect_success();
        host.journal().clear();
        assert!(!sshd().ask(&["open_session"]).success());
        denied_for(&host, "key-missing");
        let anna = info(&anna());
        let forged = [
            format!("{anna}\n{anna}"),
            format!("{anna}\npassword"),
            format!("password\n{anna}"),
            "password".to_owned(),
            "keyboard-interactive/pam".to_owned(),
            anna.replace("publickey", "hostbased"),
            format!("{anna} comment"),
            format!(" {anna}"),
            anna.replace("sk-ssh-ed25519@", "sk-ssh-ed25519-cert-v01@"),
            info(&Key::file("laptop")),
        ];
        for info in forged {
            let output = sshd().env("SSH_AUTH_INFO_0", &info).ask(&["open_session"]);
            assert!(!output.success(), "{info}");
            denied_for(&host, "key-unknown");
        }
    }

    fn case_16_two_addresses_are_none(release) {
        let host = web1(release).start();
        host.journal().clear();
        let not_one = [
            (ELSEWHERE, connection(OFFICE), "address-unknown"),
            (OFFICE, connection(ELSEWHERE), "address-unknown"),
            (OFFICE, String::new(), "address-unknown"),
            (OFFICE, "203.0.113.05 1 2 3".to_owned(), "address-unknown"),
            ("client.example.net", "client.example.net 1 2 3".to_owned(), "address-unknown"),
            ("tty1", connection(ELSEWHERE), "address-not-allowed"),
        ];
        for (rhost, said, reason) in not_one {
            for phase in ["acct_mgmt", "open_session"] {
                let pam = host.pam("sshd", "root").item("rhost", rhost).env("SSH_CONNECTION", &said);
                assert!(!pam.env("SSH_AUTH_INFO_0", &info(&anna())).ask(&[phase]).success(), "{rhost} {said}");
                denied_for(&host, reason);
            }
        }
        // Neither: no address at all.
        assert!(!host.pam("sshd", "root").ask(&["acct_mgmt"]).success());
        denied_for(&host, "address-unknown");
    }

    fn case_17_another_name_of_uid_0_is_root(release) {
        let host = web1(release).account(Account::person("toor", 0)).file("/etc/pam.d/vsftpd", 0o644, EVERYTHING).start();
        host.authorized_keys("toor", Key::file("laptop").public());
        host.ssh("toor").password(PASSWORD).run("id").assert_refused();
        for key in [Key::file("laptop"), anna()] {
            host.ssh("toor").key(&key).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
        }
        host.journal().clear();
        let output = host.pam("vsftpd", "toor").typing(&format!("{PASSWORD}\n")).ask(&["authenticate", "acct_mgmt"]);
        assert!(!output.success(), "{output:#?}");
        denied_for(&host, "no-grant");
        let output = host.as_user("acme").stdin(format!("{PASSWORD}\n")).run(["su", "toor", "-c", "id"]);
        assert!(!output.success() && output.stdout.is_empty(), "{output:#?}");
        denied_for(&host, "no-grant");
    }

    fn case_17_the_account_must_be_the_keys_owners(release) {
        let own = policy_and("[[grant]]\nid = \"own\"\npersons = [\"anna\", \"bert\"]\naccounts = [\"{person}\"]\nhosts = [\"*\"]\nservices = [\"sshd\"]\nfrom = [\"office\"]\n");
        let host = web1(release).policy(&own).governed(&["anna", "bert", "cora"]).start();
        for (account, key, other) in [("anna", anna(), bert()), ("bert", bert(), anna())] {
            host.ssh(account).key(&key).from(OFFICE).run("id").assert_allowed();
            host.ssh(account).key(&other).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
            let sshd = |key: &Key| host.pam("sshd", account).env("SSH_CONNECTION", &connection(OFFICE)).env("SSH_AUTH_INFO_0", &info(key)).ask(&["open_session"]);
            assert!(sshd(&key).success());
            host.journal().clear();
            assert!(!sshd(&other).success());
            denied_for(&host, "no-grant");
        }
    }

    fn case_17_whoever_is_in_a_group_called_sudo_is_governed(release) {
        // By name; by primary group; by a second entry of that name; by another name of the same number.
        let host = web1(release)
            .account(Account::person("eve", 2201).in_group("sudo"))
            .account(Account::person("finn", 2202))
            .account(Account::person("gwen", 2203))
            .account(Account::person("hugo", 2204))
            .file("/etc/pam.d/vsftpd", 0o644, EVERYTHING)
            .start();
        let edit = "sed -i 's/^finn:x:2202:2202:/finn:x:2202:27:/' /etc/passwd && grep -q '^sudo:x:27:' /etc/group && \
             printf 'sudo:x:5501:gwen\\nwheel:x:27:hugo\\n' >> /etc/group";
        host.run(["sh", "-c", edit]).expect_success();
        let asked = |account: &str| host.pam("vsftpd", account).typing(&format!("{PASSWORD}\n")).ask(&["authenticate", "acct_mgmt"]);
        for account in ["eve", "finn", "gwen", "hugo"] {
            host.journal().clear();
            assert!(!asked(account).success(), "{account}");
            assert_eq!(denied_for(&host, "no-grant").get("TOM_ACCOUNT"), account);
            // By SSH neither with a key of their own nor with a password.
            host.authorized_keys(account, Key::file("laptop").public());
            host.ssh(account).key(&Key::file("laptop")).from(OFFICE).run("id").assert_refused();
            host.ssh(account).password(PASSWORD).from(OFFICE).run("id").assert_refused();
        }
        asked("acme").expect_success();
    }
}
