//! `tom revoke`: a lost token is out at once, whatever else is damaged, and no key that was not meant.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

use std::os::unix::fs::MetadataExt;

use tom_tests::company::{BACKUP_SERVER, OFFICE, POLICY, anna, anna_red, backup_job, bert, policy_with, web1};
use tom_tests::faults::Damage;
use tom_tests::{Host, Key, Output, Refusal, on_each_release};

const LIST: &str = "/var/lib/tom/revoked";

fn revoke(host: &Host, arguments: &[&str]) -> Output {
    host.run([&["tom", "revoke"][..], arguments].concat())
}

fn list(host: &Host) -> String {
    std::fs::read_to_string(host.path(LIST)).unwrap_or_default()
}

fn enters(host: &Host, key: &Key) {
    host.ssh("root").key(key).from(OFFICE).run("true").assert_allowed();
}

fn is_out(host: &Host, key: &Key) {
    host.ssh("root").key(key).from(OFFICE).run("true").assert_refused_by(Refusal::UnknownKey);
}

/// What ssh-keygen says of the key.
fn fingerprint(host: &Host, key: &Key) -> String {
    let said = host.command().stdin(key.public()).run(["ssh-keygen", "-lf", "-"]).expect_success().stdout;
    said.split(' ').nth(1).expect("bits, fingerprint, comment, type").to_owned()
}

/// The line of the candidate on which the table of this key begins.
fn line_of(host: &Host, table: &str, key: &Key) -> usize {
    let text = std::fs::read_to_string(host.path("/etc/tom/policy.toml")).expect("the candidate");
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains(key.public())).expect("the key");
    at - lines[..=at].iter().rev().position(|line| *line == table).expect("its table") + 1
}

on_each_release! {
    fn a_key_is_out_at_once_and_the_lasting_change_is_named(release) {
        let host = web1(release).start();
        host.journal().clear();
        let output = revoke(&host, &["anna:blue", "--reason", "lost on\nthe train"]).expect_success();
        is_out(&host, &anna());
        enters(&host, &anna_red());
        let fingerprint = fingerprint(&host, &anna());
        let title = format!("anna's key 'blue' ({fingerprint})");
        let said = &output.stdout;
        assert!(said.starts_with(&format!("{title} is revoked on web1.example.net, from the next login on\n")), "{said}");
        let place = format!("/etc/tom/policy.toml:{}: take the [[key]] of anna:blue out", line_of(&host, "[[key]]", &anna()));
        assert!(said.contains(&place), "{place}: {said}");
        assert!(said.contains("valid-until = ") && said.contains("2026112301"), "{said}");
        assert!(said.contains("No session on record"), "{said}");
        assert_eq!(output.stderr, "");
        let status = std::fs::metadata(host.path(LIST)).expect("the list");
        assert_eq!((status.mode() & 0o7777, status.uid(), status.gid()), (0o640, 0, 990));
        let listed = list(&host);
        assert!(listed.starts_with(anna().public()) && listed.contains(" anna:blue revoked "), "{listed}");
        assert!(listed.ends_with(": lost on the train\n"), "{listed}");
        let event = host.journal().event("key-revoked");
        let fields = ["TOM_PERSON", "TOM_KEY", "TOM_KEY_FINGERPRINT", "TOM_HOST", "PRIORITY"];
        assert_eq!(fields.map(|field| event.get(field)), ["anna", "blue", &fingerprint, "web1.example.net", "5"]);
        assert!(event.get("MESSAGE").ends_with("lost on the train"), "{event:?}");
        // The pam module refuses it by itself too.
        let session = host.pam("sshd", "root").item("rhost", OFFICE).env("SSH_CONNECTION", &format!("{OFFICE} 1 192.0.2.1 22"))
            .env("SSH_AUTH_INFO_0", &format!("publickey {}", anna().public()));
        assert!(!session.ask(&["open_session"]).success());
        // Once more: nothing is done, and that is fine.
        let again = revoke(&host, &["anna:blue"]).expect_success();
        assert!(again.stdout.starts_with(&format!("{title} was revoked already")), "{again:?}");
        assert_eq!(list(&host), listed);
        let access = host.run(["tom", "access"]).expect_success().stdout;
        assert!(access.contains("blue: REVOKED on this host; red: fido"), "{access}");
    }

    fn each_way_to_name_a_key_means_that_key(release) {
        let host = web1(release).start();
        host.write("/root/lost.pub", 0o644, format!("# found\n{} anna@laptop\n", anna().public()));
        let fingerprint = fingerprint(&host, &anna());
        for name in ["anna:blue", "/root/lost.pub", &fingerprint, &format!("{fingerprint}=")] {
            revoke(&host, &[name]).expect_success();
            is_out(&host, &anna());
            enters(&host, &anna_red());
            revoke(&host, &["--undo", name]).expect_success();
            enters(&host, &anna());
            assert_eq!(list(&host), "");
        }
        // All of a person's, and no one else's.
        revoke(&host, &["anna"]).expect_success();
        is_out(&host, &anna());
        is_out(&host, &anna_red());
        enters(&host, &bert());
        assert_eq!(list(&host).lines().count(), 3, "the expired one too");
        revoke(&host, &["--undo", "anna"]).expect_success();
        enters(&host, &anna());
        // Nearly a name is none, for either direction.
        revoke(&host, &["anna:blue"]).expect_success();
        let before = list(&host);
        for name in ["ann", "anna:blu", "anna:bluee", "annaa", "anna:", ":blue", "*", "SHA256:", &fingerprint[..20], "/nowhere", "/etc/hostname", "./anna"] {
            for undo in [&[][..], &["--undo"]] {
                let output = revoke(&host, &[undo, &["--", name]].concat());
                assert_eq!((output.status, output.stdout.as_str()), (Some(3), ""), "{name}: {output:?}");
                assert!(output.stderr.starts_with("tom: "), "{name}: {output:?}");
                assert_eq!(list(&host), before, "{name}");
            }
        }
        is_out(&host, &anna());
        // A key that nobody has here, too: whose it is may be forgotten.
        host.write("/root/stranger.pub", 0o644, Key::file("stranger").public());
        let output = revoke(&host, &["/root/stranger.pub"]).expect_success();
        assert!(output.stdout.contains("a key of nobody in the policy"), "{output:?}");
    }

    fn a_machine_is_revoked_by_its_name(release) {
        let host = web1(release).start();
        let job = || host.ssh("root").key(&backup_job()).from(BACKUP_SERVER).run("");
        job().assert_allowed();
        let output = revoke(&host, &["nightly-backup"]).expect_success();
        job().assert_refused_by(Refusal::UnknownKey);
        let place = format!("/etc/tom/policy.toml:{}: take the [[machine]] nightly-backup out", line_of(&host, "[[machine]]", &backup_job()));
        assert!(output.stdout.contains(&place), "{place}: {output:?}");
        let access = host.run(["tom", "access"]).expect_success().stdout;
        assert!(access.contains("nightly-backup (REVOKED on this host)"), "{access}");
        let sudo_alone = revoke(&host, &["icinga-checks"]);
        assert_eq!(sudo_alone.status, Some(3), "{sudo_alone:?}");
    }

    fn whoever_is_left_alone_is_named(release) {
        let host = web1(release).start();
        assert_eq!(revoke(&host, &["cora"]).expect_success().stderr, "");
        let output = revoke(&host, &["bert"]).expect_success();
        assert!(output.stderr.contains("'anna' is the only person left"), "{output:?}");
        let output = revoke(&host, &["anna"]).expect_success();
        assert!(output.stderr.contains("NOBODY can log in"), "{output:?}");
        is_out(&host, &anna());
        let output = revoke(&host, &["--undo", "anna:red"]).expect_success();
        assert!(output.stderr.contains("'anna' is the only person left"), "{output:?}");
        enters(&host, &anna_red());
    }

    fn it_survives_apply_and_is_lifted_whole_by_undo(release) {
        let host = web1(release).start();
        let before = format!("# kept by hand\n\n{} someone: else \n", Key::file("other").public());
        host.write(LIST, 0o640, &before);
        host.run(["chgrp", "_tom", LIST]).expect_success();
        revoke(&host, &["anna:blue"]).expect_success();
        host.apply(&policy_with("2026112301", "2026112302")).expect_success();
        is_out(&host, &anna());
        // The list is lost: its copy in the active policy counts.
        host.run(["mv", LIST, "/root/aside"]).expect_success();
        is_out(&host, &anna());
        host.run(["mv", "/root/aside", LIST]).expect_success();
        host.journal().clear();
        let output = revoke(&host, &["--undo", "anna:blue", "--reason", "found again"]).expect_success();
        assert!(output.stdout.contains("counts again on web1.example.net"), "{output:?}");
        assert_eq!(list(&host), before);
        enters(&host, &anna());
        let event = host.journal().event("revocation-lifted");
        assert_eq!((event.get("TOM_PERSON"), event.get("TOM_KEY")), ("anna", "blue"));
        assert!(event.get("MESSAGE").ends_with("found again"), "{event:?}");
        let output = revoke(&host, &["--undo", "anna:blue"]).expect_success();
        assert!(output.stdout.contains("was not revoked"), "{output:?}");
    }

    /// Nothing of a damaged list is lost, it does not become sound by our hand, and the key is out.
    fn a_damaged_list_keeps_every_line_and_gets_ours(release) {
        let host = web1(release).start();
        let damaged = [&b"# first\nssh-ed25519 AAAA cut short\n"[..], bert().public().as_bytes(), b" J\xfcrgen's\nssh-ed25519 AAAAC3"].concat();
        host.write(LIST, 0o640, &damaged);
        host.run(["chgrp", "_tom", LIST]).expect_success();
        let output = revoke(&host, &["anna:blue"]);
        assert_eq!(output.status, Some(1), "{output:?}");
        assert!(output.stdout.contains("is revoked on") && output.stderr.contains("line 2"), "{output:?}");
        let after = std::fs::read(host.path(LIST)).expect("the list");
        assert!(after.starts_with(&[&damaged[..], b"\n"].concat()), "{}", String::from_utf8_lossy(&after));
        is_out(&host, &anna());
        is_out(&host, &bert());
        is_out(&host, &anna_red());
        // Put in order as it was said: only who is meant stays out.
        let sound: String = String::from_utf8_lossy(&after).lines().filter(|line| !line.starts_with("ssh-ed25519 AAAA")).map(|line| format!("{line}\n")).collect();
        host.write(LIST, 0o640, sound);
        host.run(["chgrp", "_tom", LIST]).expect_success();
        is_out(&host, &anna());
        is_out(&host, &bert());
        enters(&host, &anna_red());
    }

    fn a_list_that_others_could_write_does_not_become_roots(release) {
        let host = web1(release).start();
        host.write(LIST, 0o666, format!("{} bert\n", bert().public()));
        let output = revoke(&host, &["anna:blue"]);
        assert_eq!(output.status, Some(1), "{output:?}");
        assert!(output.stderr.contains("chmod 640 /var/lib/tom/revoked"), "{output:?}");
        let status = std::fs::metadata(host.path(LIST)).expect("the list");
        assert_eq!(status.mode() & 0o7777, 0o666, "the fault stays seen");
        assert_eq!(list(&host).lines().count(), 2);
        let lifted = revoke(&host, &["--undo", "anna:blue"]);
        assert_eq!(lifted.status, Some(3), "{lifted:?}");
        host.run(["sh", "-c", "chown root:_tom /var/lib/tom/revoked; chmod 640 /var/lib/tom/revoked"]).expect_success();
        is_out(&host, &anna());
        is_out(&host, &bert());
        enters(&host, &anna_red());
        // No file at all: nothing is written through it, and the key is out by the copies.
        host.run(["sh", "-c", "mv /var/lib/tom/revoked /root/elsewhere; ln -s /root/elsewhere /var/lib/tom/revoked"]).expect_success();
        let before = std::fs::read(host.path("/root/elsewhere")).expect("it");
        let output = revoke(&host, &["anna:red"]);
        assert_eq!(output.status, Some(3), "{output:?}");
        assert!(output.stderr.contains("no regular file"), "{output:?}");
        assert_eq!(std::fs::read(host.path("/root/elsewhere")).expect("it"), before);
        host.run(["sh", "-c", "rm /var/lib/tom/revoked; mv /root/elsewhere /var/lib/tom/revoked"]).expect_success();
        is_out(&host, &anna_red());
    }

    fn it_works_when_the_active_policy_does_not(release) {
        let safe = Key::token("anna-safe");
        let policy = format!("{POLICY}\n[[key]]\nperson = \"anna\"\nlabel = \"safe\"\npublic = \"{}\"\nproof = \"fido\"\nbreak-glass = true\n", safe.public());
        let host = web1(release).policy(&policy).start();
        host.run(["cp", "-a", "/var/lib/tom", "/root/sound"]).expect_success();
        let repair = || drop(host.run(["sh", "-c", "rm -rf /var/lib/tom; cp -a /root/sound /var/lib/tom"]).expect_success());
        let break_glass_fingerprint = fingerprint(&host, &safe);
        // What logins read is damaged; the text is not.
        for (name, keys) in [("anna", 4), ("anna:safe", 1), (break_glass_fingerprint.as_str(), 1)] {
            Damage::Flipped(400).inflict(&host, "/var/lib/tom/active/resolved");
            enters(&host, &safe);
            let _ = revoke(&host, &[name]);
            assert_eq!(list(&host).lines().count(), keys, "{name}");
            is_out(&host, &safe);
            repair();
        }
        // All of it is gone: a person by the candidate, and that is said.
        host.run(["rm", "-r", "/var/lib/tom/active"]).expect_success();
        let output = revoke(&host, &["anna"]).expect_success();
        assert!(output.stderr.contains("going by the candidate"), "{output:?}");
        is_out(&host, &safe);
        repair();
        // The candidate too: a person is not known, but a key by what the fallback has.
        host.run(["sh", "-c", "rm -r /var/lib/tom/active; echo nonsense >/etc/tom/policy.toml"]).expect_success();
        enters(&host, &safe);
        let output = revoke(&host, &["anna"]);
        assert_eq!(output.status, Some(3), "{output:?}");
        assert!(output.stderr.contains("one by one"), "{output:?}");
        let output = revoke(&host, &[&break_glass_fingerprint]).expect_success();
        assert!(output.stdout.contains("anna's key 'safe'") && output.stdout.contains("cannot be read as a policy"), "{output:?}");
        is_out(&host, &safe);
        repair();
        // Nothing but the file of the key.
        host.run(["sh", "-c", "rm -r /var/lib/tom/active /var/lib/tom/fallback"]).expect_success();
        host.write("/root/lost.pub", 0o644, safe.public());
        revoke(&host, &["/root/lost.pub"]).expect_success();
        assert_eq!(list(&host).lines().count(), 1);
    }

    /// A break-glass key that was revoked is left out of the fallback, and comes back into it.
    fn undo_brings_a_break_glass_key_back_into_the_fallback(release) {
        let safe = Key::token("anna-safe");
        let policy = format!("{POLICY}\n[[key]]\nperson = \"anna\"\nlabel = \"safe\"\npublic = \"{}\"\nproof = \"fido\"\nbreak-glass = true\n", safe.public());
        let host = web1(release).policy(&policy).start();
        revoke(&host, &["anna:safe"]).expect_success();
        host.run(["tom", "apply", "--now"]).expect_success();
        revoke(&host, &["--undo", "anna:safe"]).expect_success();
        Damage::Flipped(400).inflict(&host, "/var/lib/tom/active/resolved");
        enters(&host, &safe);
        is_out(&host, &anna());
    }

    fn another_run_is_waited_for(release) {
        let host = web1(release).start();
        let script = "flock /var/lib/tom/lock sleep 1 & sleep 0.2; tom revoke anna:blue; wait";
        let output = host.run(["sh", "-c", script]).expect_success();
        assert!(output.stdout.contains("is revoked on"), "{output:?}");
        is_out(&host, &anna());
    }

    /// What could not be done is said, and nothing is half done.
    fn a_full_or_read_only_disk_is_told_of(release) {
        let host = web1(release).start();
        revoke(&host, &["cora"]).expect_success();
        let before = list(&host);
        let names = || host.run(["ls", "-A", "/var/lib/tom"]).expect_success().stdout;
        let full = "cp -a /var/lib/tom /tmp/tom && mount -t tmpfs -o size=128k,mode=0755 full /var/lib/tom && \
             cp -a /tmp/tom/. /var/lib/tom && ! dd if=/dev/zero of=/var/lib/tom/filler bs=1k 2>/dev/null";
        host.run(["sh", "-c", full]).expect_success();
        let there = names();
        let not_done = |what: &str| {
            let output = revoke(&host, &["anna:blue"]);
            assert_eq!((output.status, output.stdout.as_str()), (Some(3), ""), "{what}: {output:?}");
            assert_eq!(list(&host), before, "{what}");
            assert_eq!(names(), there, "{what}: something half-written was left");
            enters(&host, &anna());
            output.stderr
        };
        let said = not_done("full");
        assert!(said.starts_with("tom: NOT REVOKED: ") && said.contains("No space left"), "{said}");
        host.run(["mount", "-o", "remount,ro", "/var/lib/tom"]).expect_success();
        assert!(not_done("read-only").contains("Read-only file system"));
        host.run(["umount", "/var/lib/tom"]).expect_success();
        revoke(&host, &["anna:blue"]).expect_success();
        is_out(&host, &anna());
    }
}
