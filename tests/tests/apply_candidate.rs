//! `tom apply` takes a sound candidate or changes nothing.

#![allow(clippy::expect_used, reason = "a test says what it expects")]

use tom_tests::faults::{self, Damage, POLICY, bench, questions};
use tom_tests::{Host, on_each_release};

const CANDIDATE: &str = "/etc/tom/policy.toml";
const SERIAL: &str = "2026112301";

/// Everything below /var/lib/tom: names, kinds, owners, modes, inodes, times, content.
fn state(host: &Host) -> String {
    let script = "cd /var/lib/tom && find . -printf '%p %y %m %U %G %s %i %T@ %C@ %l\\n' | sort && \
                  find . -type f | sort | xargs sha256sum";
    let state = host.run(["sh", "-c", script]).expect_success().stdout;
    assert!(state.contains("./active/resolved f 640 0 990 "), "{state}");
    state
}

/// The candidate is refused with this exit code and this message, the state is what it was, and the journal
/// has it.
fn refused(host: &Host, what: &str, code: i32, said: &str) {
    let before = state(host);
    host.journal().clear();
    let answer = host.run(["tom", "apply", "--now"]);
    assert_eq!(answer.status, Some(code), "{what}: {answer:#?}");
    assert!(answer.stderr.contains(said) && answer.stdout.is_empty(), "{what}: no {said:?}: {answer:#?}");
    assert_eq!(state(host), before, "{what}");
    let message = host.journal().event("apply-refused").get("MESSAGE").to_owned();
    assert!(message.contains("was not applied"), "{what}: {message}");
}

/// And then the sound candidate is taken.
fn logins_go_on(host: &Host) {
    host.apply(POLICY).expect_success();
    for question in questions() {
        let answer = question.ask(host);
        assert_eq!(question.is_allow(&answer), question.sound, "{}: {answer:#?}", question.name());
    }
}

fn changed(old: &str, new: &str) -> String {
    assert!(POLICY.contains(old));
    POLICY.replace(old, new)
}

on_each_release! {
    fn a_damaged_candidate(release) {
        let host = faults::start(bench(release).without_sshd());
        let damages = [
            (Damage::Missing, 3, "/etc/tom/policy.toml does not exist"),
            (Damage::Empty, 4, "lacks the key 'schema'"),
            (Damage::Truncated(300), 4, "/etc/tom/policy.toml:"),
            (Damage::Truncated(700), 4, "/etc/tom/policy.toml:"),
            (Damage::Holds(b"schema = 1\n\xff\xfe\n".into()), 4, "/etc/tom/policy.toml:2:1: this is not UTF-8"),
            (Damage::Holds(b"\0\0\0\0".into()), 4, "/etc/tom/policy.toml:1:"),
            (Damage::Huge, 3, "has 104857600 bytes, more than 16777216"),
            (Damage::Owner, 3, "/etc/tom/policy.toml does not belong to root"),
            (Damage::GroupWritable, 3, "can be written by its group or by others"),
            (Damage::WorldWritable, 3, "can be written by its group or by others"),
            (Damage::Link, 3, "is a symbolic link"),
            (Damage::LinkToNothing, 3, "is a symbolic link"),
            (Damage::Directory, 3, "is no regular file"),
            (Damage::Fifo, 3, "is no regular file"),
            (Damage::Socket, 3, "is no regular file"),
            (Damage::Device, 3, "is no regular file"),
        ];
        for (damage, code, said) in damages {
            host.run(["rm", "-rf", "/etc/tom", "/var/lib/tom.aside"]).expect_success();
            host.write_policy(POLICY);
            damage.inflict(&host, CANDIDATE);
            let shown: String = format!("{damage:?}").chars().take(40).collect();
            // Its link leads to a place beside the state; only the state counts.
            refused(&host, &shown, code, said);
        }
        for (damage, said) in [
            (Damage::Owner, "/etc/tom does not belong to root"),
            (Damage::WorldWritable, "/etc/tom can be written"),
            (Damage::Link, "/etc/tom is a symbolic link"),
            (Damage::Missing, "/etc/tom does not exist"),
        ] {
            host.run(["rm", "-rf", "/etc/tom", "/var/lib/tom.aside"]).expect_success();
            host.write_policy(POLICY);
            damage.inflict(&host, "/etc/tom");
            refused(&host, said, 3, said);
        }
        host.run(["rm", "-rf", "/etc/tom"]).expect_success();
        logins_go_on(&host);
    }

    fn a_candidate_that_must_not_become_active(release) {
        let host = faults::start(bench(release).without_sshd());
        let expect = |person: &str, verdict: &str| {
            format!(
                "{POLICY}[[expect]]\naccount = \"root\"\nservice = \"sshd\"\nperson = \"{person}\"\n\
                 from = \"203.0.113.5\"\nverdict = \"{verdict}\"\n"
            )
        };
        let cases = [
            ("an error", 4, changed("proof  = \"fido\"", "proof = \"usb\""), ":23:9: proof 'usb'"),
            ("an unknown key", 4, changed("operator =", "operater ="), "did you mean 'operator'?"),
            ("a lower serial", 1, changed(SERIAL, "2026112300"), "the serial 2026112300 is lower than the active 2026112301"),
            ("a failing expectation", 1, expect("anna", "deny"), "/etc/tom/policy.toml:"),
            ("nobody gets in", 1, changed("hosts    = [\"*\"]", "hosts = [\"db1\"]"), "--allow-lockout"),
            // Bert's one key is revoked, so that nobody is left.
            ("only a revoked key", 1, changed("persons  = [\"anna\", \"bert\"]", "persons = [\"bert\"]"), "--allow-lockout"),
            ("not proven", 1, changed("\"declared\"", "\"attested\""), "--allow-lockout"),
        ];
        for (what, code, text, said) in cases {
            host.write_policy(&text);
            refused(&host, what, code, said);
        }
        // The same serial may be applied again; a host file or a state that cannot be trusted stops it.
        logins_go_on(&host);
        host.write("/etc/tom/host.toml", 0o644, "id = 7\n");
        refused(&host, "host.toml", 3, "/etc/tom/host.toml: line 1, column 6");
        host.write("/etc/tom/host.toml", 0o666, "id = \"web1\"\n");
        refused(&host, "host.toml", 3, "/etc/tom/host.toml can be written");
        host.run(["rm", "/etc/tom/host.toml"]).expect_success();
        Damage::WorldWritable.inflict(&host, "/var/lib/tom/revoked");
        refused(&host, "revoked", 3, "/var/lib/tom/revoked can be written");
        host.run(["chmod", "640", "/var/lib/tom/revoked"]).expect_success();
        logins_go_on(&host);
        // Asked for, a lock-out is done, and told as an alarm.
        host.write_policy(&changed("hosts    = [\"*\"]", "hosts = [\"db1\"]"));
        host.journal().clear();
        host.run(["tom", "apply", "--now", "--allow-lockout"]).expect_success();
        assert!(host.journal().event("lockout-allowed").get("MESSAGE").contains("--allow-lockout"));
        logins_go_on(&host);
    }

    /// Without `_tom` nobody could read the active policy; as another user nothing can be written.
    fn without_its_user_or_without_root(release) {
        let host = faults::start(bench(release).without_sshd());
        let before = state(&host);
        let answer = host.as_user("acme").run(["tom", "apply", "--now"]);
        assert_eq!(answer.status, Some(3), "{answer:#?}");
        assert_eq!(state(&host), before);
        host.run(["sed", "-i", "/^_tom:/d", "/etc/passwd"]).expect_success();
        refused(&host, "no _tom", 3, "the user _tom");
    }

    /// Two at once: one of them is told to wait, or both work; never a mixture.
    fn two_at_once(release) {
        let host = faults::start(bench(release).without_sshd());
        let script = "for i in $(seq 40); do
                tom apply --now >/dev/null 2>/run/a & a=$!
                tom apply --now >/dev/null 2>/run/b & b=$!
                wait $a; one=$?; wait $b; two=$?
                case $one$two in 00) ;; 03|30) grep -qh 'another .tom apply. is at work' /run/a /run/b || exit 1 ;; *) exit 1 ;; esac
            done";
        host.run(["sh", "-c", script]).expect_success();
        logins_go_on(&host);
    }
}
