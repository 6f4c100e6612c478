//! Sessions on record: which process opens them, what ends with them, and that no other does. Case 22.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test says what it expects"
)]

use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use tom_tests::company::{BACKUP_SERVER, OFFICE, anna, anna_red, backup_job, bert, web1};
use tom_tests::{Host, Key, Login, Refusal, Release, on_each_release};

const RECORDS: &str = "/run/tom/sessions";
/// Shows the calling process and its ancestors, nearest first: number and name.
const ANCESTORS: &str = "/usr/local/sbin/ancestors";
const ANCESTORS_SCRIPT: &str = r#"#!/bin/sh
pid=$$
while [ "$pid" -gt 1 ]; do
    echo "$pid $(tr '\0' ' ' </proc/$pid/cmdline)"
    pid=$(sed 's/.*) [A-Z] \([0-9]*\) .*/\1/' /proc/$pid/stat)
done
"#;
/// Notes who opens a PAM session: pam_exec's parent.
const OPENER: &str = "/usr/local/sbin/opener";
const OPENER_SCRIPT: &str = "#!/bin/sh\necho \"$PAM_TYPE $PPID\" >>/run/opened\n";
/// A session that passes over TERM, with a child; it says where it is.
const STUBBORN: &str = "trap '' TERM HUP; echo $$ >/run/$TOM_PERSON-$TOM_KEY; sleep 600; sleep 600";

fn records(host: &Host) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(host.path(RECORDS)) else { return Vec::new() };
    entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("text")).collect()
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(10), "{what} does not come about");
        sleep(Duration::from_millis(10));
    }
}

/// A login that stays, in a thread; and the PID of its shell.
fn stay<'scope>(
    scope: &'scope thread::Scope<'scope, '_>,
    host: &'scope Host,
    key: Key,
    name: &str,
) -> (thread::ScopedJoinHandle<'scope, Login>, String) {
    let file = format!("/run/{name}");
    let login = scope.spawn(move || {
        host.ssh("root").key(&key).from(OFFICE).among_others().timeout(Duration::from_secs(60)).run(STUBBORN)
    });
    wait_until(&format!("the session {name}"), || {
        std::fs::read_to_string(host.path(&file)).is_ok_and(|text| text.ends_with('\n'))
    });
    let pid = std::fs::read_to_string(host.path(&file)).expect("it is there").trim().to_owned();
    (login, pid)
}

fn runs(host: &Host, pid: &str) -> bool {
    host.path(format!("/proc/{pid}/stat")).exists()
        && !std::fs::read_to_string(host.path(format!("/proc/{pid}/stat"))).unwrap_or_default().contains(") Z ")
}

fn end_by_hand(host: &Host, pids: &[&str]) {
    for pid in pids {
        let _ = host.run(["pkill", "-KILL", "-P", pid]);
        let _ = host.run(["kill", "-KILL", pid]);
    }
}

on_each_release! {
    /// Measured for each service: the process that asks PAM for the session stays until its end, and what is done
    /// in the session descends from it.
    fn the_process_that_opens_a_session_is_an_ancestor_of_all_in_it(release) {
        let host = web1(release)
            .file(ANCESTORS, 0o755, ANCESTORS_SCRIPT)
            .file(OPENER, 0o755, OPENER_SCRIPT)
            .file("/etc/sudoers.d/all", 0o440, "ALL ALL=(ALL) NOPASSWD: ALL\n")
            .start();
        host.authorized_keys("acme", &format!("{}\n", Key::file("acme").public()));
        for stack in ["common-session", "common-session-noninteractive"] {
            let path = format!("/etc/pam.d/{stack}");
            let text = std::fs::read_to_string(host.path(&path)).expect("a stack");
            host.write(&path, 0o644, format!("{text}session optional pam_exec.so {OPENER}\n"));
        }
        let opener = || {
            let text = std::fs::read_to_string(host.path("/run/opened")).expect("somebody opened");
            let _ = std::fs::remove_file(host.path("/run/opened"));
            let pid = text.lines().find_map(|line| line.strip_prefix("open_session ")).expect("one");
            pid.to_owned()
        };
        let monitor = match release {
            Release::Bookworm => "sshd: acme [priv]",
            Release::Trixie => "sshd-session: acme [priv]",
        };
        let check = |what: &str, ancestors: &str, name: &str| {
            let opener = opener();
            let line = ancestors.lines().find(|line| line.split(' ').next() == Some(&opener));
            let line = line.unwrap_or_else(|| panic!("{what}: {opener} is none of {ancestors}"));
            assert!(line.contains(name), "{what}: {line}");
        };
        let ssh = || host.ssh("acme").key(&Key::file("acme"));
        check("ssh", &ssh().run(ANCESTORS).assert_allowed().stdout, monitor);
        check("ssh -t", &ssh().with_terminal().run(ANCESTORS).assert_allowed().stdout.replace('\r', ""), monitor);
        for (what, name) in [
            (&["su", "acme", "-c", ANCESTORS][..], "su acme"),
            (&["su", "-l", "acme", "-c", ANCESTORS], "su -l acme"),
            (&["sudo", "-u", "acme", ANCESTORS], "sudo -u acme"),
            (&["sudo", "-u", "acme", "-i", ANCESTORS], "sudo -u acme -i"),
        ] {
            check(name, &host.run(what).expect_success().stdout, name);
        }
        // With a terminal sudo puts a monitor in between.
        let terminal = format!("sudo -u acme {ANCESTORS}");
        check("sudo at a terminal", &host.run(["script", "-qec", &terminal, "/dev/null"]).expect_success().stdout, "sudo -u acme");
        // Debian 13's login (util-linux) hangs its terminal up first, which nothing here survives; it opens the
        // session and forks as the older one (shadow) does.
        if release == Release::Bookworm {
            host.write("/home/acme/.profile", 0o644, format!("exec {ANCESTORS}\n"));
            let shown = host.run(["script", "-qec", "login -f acme", "/dev/null"]).stdout.replace('\r', "");
            check("login", &shown, "login");
        }
    }

    fn a_session_is_on_record_as_long_as_it_lasts(release) {
        let host = web1(release).file("/etc/sudoers.d/all", 0o440, "ALL ALL=(ALL) NOPASSWD: ALL\n").start();
        let shown = host.ssh("root").key(&anna()).from(OFFICE).run("ls -ld /run/tom/sessions; cat /run/tom/sessions/*").assert_allowed().stdout.clone();
        assert!(shown.starts_with("drwx------ 2 root root"), "{shown}");
        // Of root, in Debian 12, the process that opened the session serves it, too.
        let name = "for f in /run/tom/sessions/*; do f=${f##*/}; tr '\\0' ' ' </proc/${f%.*}/cmdline; done";
        let name = host.ssh("root").key(&anna()).from(OFFICE).run(name).assert_allowed().stdout.clone();
        let monitor = match release {
            Release::Bookworm => "sshd: root@notty",
            Release::Trixie => "sshd-session: root [priv]",
        };
        assert_eq!(name.trim(), monitor);
        for line in ["account=root", "service=sshd", "person=anna", "key=blue", "fingerprint=SHA256:", "from=203.0.113.5"] {
            assert!(shown.lines().any(|shown| shown.starts_with(line)), "{line}: {shown}");
        }
        assert!(!shown.contains("machine="), "{shown}");
        assert_eq!(records(&host), Vec::<String>::new(), "taken off the record by close_session");
        let nagios = host.as_user("nagios").run(["sudo", "-n", "sh", "-c", "cat /run/tom/sessions/*"]).expect_success().stdout;
        assert!(nagios.contains("machine=icinga-checks\n") && nagios.contains("service=sudo\n"), "{nagios}");
        host.ssh("root").key(&backup_job()).from(BACKUP_SERVER).run("").assert_allowed();
        // Who is not governed leaves no record.
        host.run(["su", "acme", "-c", "true"]).expect_success();
        assert_eq!(records(&host), Vec::<String>::new());
    }

    /// Without a place for it a login goes on, and says so.
    fn no_record_is_no_reason_to_refuse(release) {
        let host = web1(release).start();
        let login = || {
            host.journal().clear();
            let login = host.ssh("root").key(&anna()).from(OFFICE).run("echo $TOM_PERSON");
            assert_eq!(login.assert_allowed().stdout, "anna\n");
            host.journal().event("login-allowed").get("MESSAGE").to_owned()
        };
        assert!(!login().contains("not on record"));
        for world in [
            "rm -rf /run/tom; echo >/run/tom",
            "rm -rf /run/tom; ln -s /tmp /run/tom",
            "rm -rf /run/tom; mkdir -m 777 /run/tom",
            "rm -rf /run/tom; mkdir -p /run/tom/sessions; chown acme /run/tom/sessions",
            "rm -rf /run/tom; mkdir -p /run/tom/sessions; mount -t tmpfs -o nr_inodes=1,mode=700 full /run/tom/sessions",
            "umount /run/tom/sessions; mount -t tmpfs -o ro,mode=700 ro /run/tom/sessions",
        ] {
            host.run(["sh", "-c", world]).expect_success();
            let message = login();
            assert!(message.starts_with("anna with key 'blue' entered root") && message.contains("not on record"), "{world}: {message}");
        }
    }

    /// Case 22: a key revoked between the two calls of the hook does not get in.
    fn case_22_revoked_between_the_two_calls_of_the_hook(release) {
        let asked = "#!/bin/sh\n[ \"${SSH_ASKPASS_PROMPT:-}\" = none ] && exit\ntom revoke anna:blue >/dev/null\necho \"$BENCH_ANSWER\"\n";
        let host = web1(release).file("/usr/local/sbin/slow", 0o755, asked).start();
        let client = || host.ssh("root").key(&anna()).from(OFFICE);
        client().run("id").assert_allowed();
        let login = client().env("SSH_ASKPASS", "/usr/local/sbin/slow").run("id");
        login.assert_refused();
        assert!(login.logged("Accepted key ") && login.logged("Failed publickey for root"), "{login:#?}");
        client().run("id").assert_refused_by(Refusal::UnknownKey);
        host.ssh("root").key(&bert()).from(OFFICE).run("id").assert_allowed();
    }

    /// Case 22: open sessions are listed, and ended when asked: those of the key, with what passes over TERM; the
    /// others into the same account stay.
    fn case_22_open_sessions_are_listed_and_ended_and_no_other(release) {
        let host = web1(release).start();
        thread::scope(|scope| {
            let (annas, anna_pid) = stay(scope, &host, anna(), "anna-blue");
            let (reds, red_pid) = stay(scope, &host, anna_red(), "anna-red");
            let (berts, bert_pid) = stay(scope, &host, bert(), "bert-blue");
            let idle = host.ssh("root").key(&anna()).from(OFFICE).open(&[]).unwrap_or_else(|login| panic!("{login:#?}"));
            let listed = host.run(["tom", "revoke", "anna:blue"]).expect_success().stdout;
            let rows: Vec<&str> = listed.lines().filter(|line| line.contains(" sshd ")).collect();
            assert_eq!(rows.len(), 2, "{listed}");
            assert!(rows.iter().all(|row| row.starts_with("anna  blue  root") && row.contains(OFFICE)), "{listed}");
            assert!(listed.contains("'tom revoke anna:blue --end-sessions' ends them"), "{listed}");
            assert!([&anna_pid, &red_pid, &bert_pid].iter().all(|pid| runs(&host, pid)), "listed, and no more");
            host.journal().clear();
            let ended = host.run(["tom", "revoke", "anna:blue", "--end-sessions"]).expect_success();
            assert_eq!(ended.stderr.matches(": ended, ").count(), 2, "{ended:?}");
            assert!(ended.stderr.contains("detached itself"), "{ended:?}");
            let login = annas.join().expect("it ends");
            assert_eq!(login.status, Some(255), "{login:#?}");
            assert!(!runs(&host, &anna_pid));
            assert!(runs(&host, &red_pid) && runs(&host, &bert_pid), "others' sessions of the same account stay");
            assert_eq!(records(&host).len(), 2);
            let events = host.journal().events();
            let told: Vec<_> = events.iter().filter(|event| event.get("TOM_EVENT") == "sessions-ended").collect();
            assert_eq!(told.len(), 2, "{told:#?}");
            assert!(told.iter().all(|event| (event.get("TOM_PERSON"), event.get("TOM_ACCOUNT"), event.get("TOM_FROM")) == ("anna", "root", OFFICE)));
            // Nothing is left to end, and that is fine.
            host.run(["tom", "revoke", "anna:blue", "--end-sessions"]).expect_success();
            drop(idle);
            end_by_hand(&host, &[&red_pid, &bert_pid]);
            let _ = (reds.join(), berts.join());
        });
    }

    /// Somebody else's session that began below this one is none of its.
    fn what_another_opened_below_it_goes_on(release) {
        let host = web1(release).start();
        // Anna starts an sshd of her own by hand, in her session; Bert comes in by that one.
        let own = "/usr/sbin/sshd -D -p 2222 -o PidFile=none & trap '' TERM HUP; echo $$ >/run/anna-blue; wait; wait; wait";
        thread::scope(|scope| {
            let client = &host;
            let annas = scope.spawn(move || {
                client.ssh("root").key(&anna()).from(OFFICE).among_others().timeout(Duration::from_secs(60)).run(own)
            });
            wait_until("her sshd", || host.run(["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/2222"]).success());
            let berts = scope.spawn(move || {
                client.ssh("root").key(&bert()).from(OFFICE).option("Port=2222").among_others().timeout(Duration::from_secs(60)).run(STUBBORN)
            });
            wait_until("Bert", || host.path("/run/bert-blue").exists());
            sleep(Duration::from_millis(50));
            let pid = std::fs::read_to_string(host.path("/run/bert-blue")).expect("it").trim().to_owned();
            host.run(["tom", "revoke", "anna:blue", "--end-sessions"]).expect_success();
            annas.join().expect("it ends");
            assert!(runs(&host, &pid), "Bert's session was ended with Anna's");
            assert_eq!(records(&host).len(), 1);
            end_by_hand(&host, &[&pid]);
            let _ = berts.join();
        });
    }

    /// One's own session is left, and ended only as the last.
    fn ones_own_session_is_the_last_to_end(release) {
        let host = web1(release).start();
        thread::scope(|scope| {
            let (other, other_pid) = stay(scope, &host, anna(), "anna-blue");
            let first = host.ssh("root").key(&anna()).from(OFFICE).among_others().run("tom revoke anna:blue --end-sessions; echo $?");
            assert_eq!(first.status, Some(0), "{first:#?}");
            assert!(first.stdout.ends_with("\n1\n"), "{first:#?}");
            assert!(first.stderr.contains("you would end your own session"), "{first:#?}");
            other.join().expect("it ends");
            assert!(!runs(&host, &other_pid));
        });
        host.run(["tom", "revoke", "--undo", "anna:blue"]).expect_success();
        let last = host.ssh("root").key(&anna()).from(OFFICE).among_others()
            .run("tom revoke anna:blue --end-sessions --reason mine; touch /run/went-on; sleep 60");
        assert_eq!(last.status, Some(255), "{last:#?}");
        assert!(!host.path("/run/went-on").exists());
        let event = host.journal().wait_for("the end", |event| event.get("TOM_EVENT") == "sessions-ended" && event.get("MESSAGE").contains("mine"));
        assert!(event.get("MESSAGE").contains("by anna: mine"), "{event:?}");
        wait_until("no record", || records(&host).is_empty());
        host.ssh("root").key(&anna()).from(OFFICE).run("id").assert_refused_by(Refusal::UnknownKey);
    }

    /// A record that cannot be read is told of, and keeps no other from being ended.
    fn a_damaged_record_is_told_of(release) {
        let host = web1(release).start();
        thread::scope(|scope| {
            let (annas, anna_pid) = stay(scope, &host, anna(), "anna-blue");
            let (berts, bert_pid) = stay(scope, &host, bert(), "bert-blue");
            for name in records(&host) {
                let path = host.path(format!("{RECORDS}/{name}"));
                let text = std::fs::read_to_string(&path).expect("a record");
                if text.contains("person=bert") {
                    std::fs::write(&path, &text[..text.len() / 2]).expect("half of it");
                }
            }
            let output = host.run(["tom", "revoke", "anna", "--end-sessions"]);
            assert!(output.stderr.contains("record of a session is damaged"), "{output:?}");
            annas.join().expect("it ends");
            assert!(!runs(&host, &anna_pid) && runs(&host, &bert_pid));
            end_by_hand(&host, &[&bert_pid]);
            let _ = berts.join();
        });
    }
}
