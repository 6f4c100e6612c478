//! The programs that `tom enable` starts: missing, failing, killed in the middle. Nothing is half done, and nobody is
//! locked out.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use std::time::Duration;
use tom_tests::changes::{Deciding, enters, not_enabled, old_root, start_anew, stranger, waits};
use tom_tests::company::anna;
use tom_tests::{Host, Output, on_each_release};

fn run(host: &Host, command: &str) -> Output {
    host.command().timeout(Duration::from_secs(90)).run(["sh", "-c", command])
}

/// The rehearsal says yes at once: what fails is outside of it.
fn without_rehearsal(host: &Host) {
    run(host, "mv /usr/bin/unshare /usr/bin/unshare.real").expect_success();
    host.write("/usr/bin/unshare", 0o755, "#!/bin/sh\necho passed by a stand-in\n");
}

/// Another program in the place of one of the host's, which is at `/usr/lib/real/NAME` then.
fn replace(host: &Host, path: &str, script: &str) {
    let name = path.rsplit('/').next().expect("a name");
    run(host, &format!("mkdir -p /usr/lib/real && [ -e /usr/lib/real/{name} ] || mv {path} /usr/lib/real/{name}"))
        .expect_success();
    host.write(path, 0o755, script);
}

/// It failed, said why, and nothing has changed.
#[track_caller]
fn assert_as_before(host: &Host, before: &Deciding, output: &Output, what: &str) {
    assert!(matches!(output.status, Some(1 | 3)), "{what}: {output:#?}");
    assert!(output.stderr.starts_with("tom: ") && !output.stderr.contains("panicked"), "{what}: {output:#?}");
    let now = Deciding::on(host);
    assert!(now == *before, "{what}: {}\n{output:#?}", now.differences(before));
    assert!(!waits(host), "{what}: {output:#?}");
}

on_each_release! {
    /// What the rehearsal needs: without it nothing is changed, and the message names it.
    fn what_the_rehearsal_starts(release) {
        let host = not_enabled(release);
        let before = Deciding::on(&host);
        for program in ["/usr/bin/unshare", "/usr/bin/ssh-keygen", "/bin/cp", "/usr/bin/ssh", "/usr/bin/setpriv"] {
            let name = program.rsplit('/').next().expect("a name");
            for fault in ["gone", "failing", "killed"] {
                let script = if fault == "killed" { "#!/bin/sh\nkill -KILL $$\n" } else { "#!/bin/sh\nexit 7\n" };
                run(&host, &format!("cp -a {program} /root/{name}.whole")).expect_success();
                if fault == "gone" {
                    run(&host, &format!("rm {program}")).expect_success();
                } else {
                    host.write(program, 0o755, script);
                }
                let output = run(&host, "tom enable --as anna");
                run(&host, &format!("/usr/bin/install -m 755 /root/{name}.whole {program}")).expect_success();
                println!("{program} {fault}: {}", output.stderr.lines().last().unwrap_or_default());
                // ssh is what logs in: sshd has nothing to say of it then.
                let is_named = output.stderr.contains(name) || (name == "ssh" && output.stderr.contains("the client said"));
                assert!(is_named, "{program} {fault}: {output:#?}");
                assert_as_before(&host, &before, &output, &format!("{program} {fault}"));
            }
        }
        assert!(enters(&host, &old_root()));
        run(&host, "tom enable --as anna").expect_success();
    }

    /// pam-auth-update killed at each step that changes something, and failing at it; and in `tom disable`.
    fn pam_auth_update_in_the_middle(release) {
        let host = not_enabled(release);
        without_rehearsal(&host);
        let fault = |inject: &str| {
            let script = format!(
                "#!/bin/sh\nexec strace -f -o /dev/null -e trace=rename,write -e inject={inject} /usr/lib/real/pam-auth-update \"$@\"\n"
            );
            replace(&host, "/usr/sbin/pam-auth-update", &script);
        };
        let sound = || replace(&host, "/usr/sbin/pam-auth-update", "#!/bin/sh\nexec /usr/lib/real/pam-auth-update \"$@\"\n");
        let injections = |last: usize| {
            (1..=last).map(|number| format!("rename:signal=KILL:when={number}"))
                .chain(["rename:error=ENOSPC:when=2", "write:signal=KILL:when=3"].map(str::to_owned))
                .collect::<Vec<_>>()
        };
        let before = Deciding::on(&host);
        let mut failed = 0;
        for inject in injections(6) {
            fault(&inject);
            let output = run(&host, "tom enable --as anna");
            println!("enable {inject}: {:?} {}", output.status, output.stderr.lines().last().unwrap_or_default());
            if output.status == Some(0) {
                // It did its work all the same, or tom did it.
                assert!(enters(&host, &anna()) && !enters(&host, &old_root()), "{inject}");
                run(&host, "tom rollback").expect_success();
                let now = Deciding::on(&host);
                assert!(now == before, "{inject}: {}", now.differences(&before));
            } else {
                failed += 1;
                assert_as_before(&host, &before, &output, &inject);
                assert!(enters(&host, &old_root()), "{inject}");
            }
        }
        assert!(failed >= 4, "pam-auth-update hardly failed at all: {failed}");
        sound();
        run(&host, "tom enable --as anna --now").expect_success();
        let mut enabled = Deciding::on(&host);
        for inject in injections(4) {
            fault(&inject);
            let output = run(&host, "tom disable --leave-keys");
            println!("disable {inject}: {:?} {}", output.status, output.stderr.lines().last().unwrap_or_default());
            if output.status == Some(0) {
                sound();
                run(&host, "tom enable --as anna --now").expect_success();
                enabled = Deciding::on(&host);
                continue;
            }
            assert_as_before(&host, &enabled, &output, &inject);
            assert!(enters(&host, &anna()) && !enters(&host, &old_root()), "{inject}");
        }
    }

    /// The command is killed while pam-auth-update works: nobody undoes the change under its hands.
    fn what_outlives_the_command(release) {
        let host = not_enabled(release);
        without_rehearsal(&host);
        replace(&host, "/usr/sbin/pam-auth-update",
            "#!/bin/sh\n: >/run/bench/at-work\nsleep 2\nexec /usr/lib/real/pam-auth-update \"$@\"\n");
        let before = Deciding::on(&host);
        run(&host, "tom enable --as anna >/dev/null 2>&1 & pid=$!
            until [ -e /run/bench/at-work ]; do sleep 0.02; done; kill -KILL $pid; wait $pid; true").expect_success();
        assert!(waits(&host));
        assert!(enters(&host, &anna()) || enters(&host, &old_root()));
        start_anew(&host).expect_success();
        // Nothing comes later.
        run(&host, "sleep 3").expect_success();
        let now = Deciding::on(&host);
        assert!(now == before, "{}", now.differences(&before));
        assert!(enters(&host, &old_root()) && !enters(&host, &stranger()));
    }

    /// sshd's check of its configuration fails outside the rehearsal, or sshd does not survive the reload.
    fn sshd_that_refuses(release) {
        let mut host = not_enabled(release);
        without_rehearsal(&host);
        let before = Deciding::on(&host);
        replace(&host, "/usr/sbin/sshd", "#!/bin/sh\n[ \"$1\" != -t ] || { echo bad line >&2; exit 255; }\nexec /usr/lib/real/sshd \"$@\"\n");
        let output = run(&host, "tom enable --as anna");
        // What came back cannot be told to sshd either: it is tried again, and the running one never heard of it.
        assert_eq!(output.status, Some(3), "{output:#?}");
        assert!(output.stderr.contains("bad line"), "{output:#?}");
        assert!(enters(&host, &old_root()) && !enters(&host, &stranger()));
        replace(&host, "/usr/sbin/sshd", "#!/bin/sh\nexec /usr/lib/real/sshd \"$@\"\n");
        start_anew(&host).expect_success();
        let now = Deciding::on(&host);
        assert!(now == before, "{}", now.differences(&before));
        host.restart_sshd();
        assert!(enters(&host, &old_root()));
    }

    /// Somebody breaks sshd's configuration while a change waits, so that sshd cannot be told that it was undone: the
    /// running one still lets administrators in, and once it can be told all is as before.
    fn sshd_that_cannot_be_told(release) {
        let host = not_enabled(release);
        let before = Deciding::on(&host);
        run(&host, "tom enable --as anna; cp -a /etc/ssh/sshd_config /root/; echo Nonsense >>/etc/ssh/sshd_config").expect_success();
        let undone = start_anew(&host);
        println!("{}", undone.stderr.trim());
        assert_eq!(undone.status, Some(3), "{undone:#?}");
        assert!(undone.stderr.contains("sshd could not be told") && waits(&host), "{undone:#?}");
        assert!(enters(&host, &anna()) && !enters(&host, &old_root()) && !enters(&host, &stranger()));
        run(&host, "cp -a /root/sshd_config /etc/ssh/").expect_success();
        start_anew(&host).expect_success();
        let now = Deciding::on(&host);
        assert!(now == before, "{}", now.differences(&before));
        assert!(enters(&host, &old_root()) && !enters(&host, &anna()));
        // Likewise when keys are left behind.
        run(&host, "tom enable --as anna --now; echo Nonsense >>/etc/ssh/sshd_config").expect_success();
        let disabled = run(&host, "tom disable --leave-keys");
        assert_eq!(disabled.status, Some(3), "{disabled:#?}");
        assert!(enters(&host, &anna()) && !enters(&host, &old_root()));
        run(&host, "cp -a /root/sshd_config /etc/ssh/").expect_success();
        start_anew(&host).expect_success();
        assert!(!waits(&host) && enters(&host, &anna()) && !enters(&host, &old_root()));
    }

    /// Under systemd: the timer cannot be set, or sshd cannot be reloaded.
    fn systemd_that_refuses(release) {
        let host = not_enabled(release);
        without_rehearsal(&host);
        let before = Deciding::on(&host);
        // As much of systemd as tom asks.
        run(&host, "mkdir -p /run/systemd/system").expect_success();
        let systemctl = |reload: &str| host.write("/usr/bin/systemctl", 0o755, format!(
            "#!/bin/sh\necho \"$@\" >>/run/bench/systemctl\ncase \"$1 $3\" in\n'is-active ssh.service') exit 0;;\n\
             'is-active tom-rollback.timer') exit 0;;\n'is-active '*) exit 3;;\n'reload '*) {reload};;\nesac\n"));
        let timer = |exit: u8| host.write("/usr/bin/systemd-run", 0o755, format!("#!/bin/sh\nexit {exit}\n"));
        systemctl("exit 0");
        timer(1);
        assert_as_before(&host, &before, &run(&host, "tom enable --as anna"), "systemd-run fails");
        timer(0);
        systemctl("echo Job failed >&2; exit 1");
        let output = run(&host, "tom enable --as anna");
        println!("{}", output.stderr);
        assert_eq!(output.status, Some(3), "{output:#?}");
        assert!(output.stderr.contains("reload ssh.service"), "{output:#?}");
        // The one that runs has not heard of it, and goes by what it has read.
        assert!(enters(&host, &old_root()) && waits(&host));
        systemctl("kill -HUP $(cat /run/sshd.pid)");
        start_anew(&host).expect_success();
        let now = Deciding::on(&host);
        assert!(now == before && !waits(&host), "{}", now.differences(&before));
        run(&host, "tom enable --as anna").expect_success();
        assert!(enters(&host, &anna()) && !enters(&host, &old_root()));
    }
}
