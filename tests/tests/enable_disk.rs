//! Disks that are full at whatever moment, and file systems that cannot be written: an error that says so, everything as
//! before, and administrators who get in.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test says what it expects, and what it tried"
)]

use std::time::Duration;
use tom_tests::changes::{Deciding, enters, not_enabled, old_root, second_policy, start_anew, stranger, waits};
use tom_tests::company::anna;
use tom_tests::faults::is_campaign;
use tom_tests::{Host, Output, on_each_release};

fn run(host: &Host, command: &str) -> Output {
    host.command().timeout(Duration::from_secs(90)).run(["sh", "-c", command])
}

/// Puts a directory onto a small file system of its own.
fn on_small_disk(host: &Host, directory: &str) {
    run(host, &format!(
        "set -e; cp -a {directory} /root/moved; mount -t tmpfs -o size=2m,mode=$(stat -c %a {directory}) disk {directory}
         chown --reference=/root/moved {directory}; cp -a /root/moved/. {directory}/; rm -rf /root/moved"
    )).expect_success();
}

/// Fills it but for so many blocks of 4 KiB.
fn fill(host: &Host, directory: &str, left: u32) {
    run(
        host,
        &format!(
            "mkdir -p {directory}/.filled; dd if=/dev/zero of={directory}/.filled/up bs=4k 2>/dev/null
         size=$(stat -c %s {directory}/.filled/up); truncate -s $((size - {left} * 4096)) {directory}/.filled/up"
        ),
    )
    .expect_success();
}

fn empty(host: &Host, directory: &str) {
    run(host, &format!("rm -rf {directory}/.filled")).expect_success();
}

fn assert_error(output: &Output, what: &str) {
    assert!(matches!(output.status, Some(1 | 3)), "{what}: {output:#?}");
    let says = ["No space left", "Read-only file system", "made no key", "failed"];
    assert!(says.iter().any(|words| output.stderr.contains(words)), "{what}: {output:#?}");
    assert!(!output.stderr.contains("panicked"), "{what}: {output:#?}");
}

/// Directories, and how many blocks are left in them: around the edges that were found.
fn amounts() -> Vec<(&'static str, Vec<u32>)> {
    if is_campaign() {
        let all = || (0..80).collect();
        return ["/var/lib/tom", "/etc/pam.d", "/etc/ssh/sshd_config.d", "/etc/tom", "/var/lib/pam"]
            .map(|path| (path, all()))
            .into();
    }
    vec![
        ("/var/lib/tom", vec![0, 7, 33, 60, 120]),
        ("/etc/pam.d", vec![0, 1, 2, 12]),
        ("/etc/ssh/sshd_config.d", vec![0, 1]),
        ("/etc/tom", vec![0, 1]),
        ("/var/lib/pam", vec![0, 12]),
    ]
}

on_each_release! {
    /// `tom enable` with so much room left in one of the directories that it writes.
    fn full(release) {
        for (directory, amounts) in amounts() {
            let host = not_enabled(release);
            on_small_disk(&host, directory);
            let before = Deciding::on(&host);
            let (mut failed, mut done) = (0, 0);
            for left in amounts {
                fill(&host, directory, left);
                let what = format!("{directory} with {left} blocks left");
                let output = run(&host, "tom enable --as anna");
                println!("{what}: {:?} {}", output.status, output.stderr.lines().last().unwrap_or_default());
                if output.success() {
                    done += 1;
                    assert!(enters(&host, &anna()) && !enters(&host, &old_root()), "{what}");
                    // What undoes it needs no room.
                    fill(&host, directory, 0);
                    let undone = run(&host, "tom rollback");
                    if !undone.success() {
                        println!("{what}: {}", undone.stderr);
                        assert!(enters(&host, &anna()) || enters(&host, &old_root()), "{what}: {undone:#?}");
                        empty(&host, directory);
                        start_anew(&host).expect_success();
                    }
                } else {
                    failed += 1;
                    assert_error(&output, &what);
                    assert!(enters(&host, &old_root()), "{what}");
                    if waits(&host) {
                        println!("{what}: is undone later");
                        empty(&host, directory);
                        start_anew(&host).expect_success();
                    }
                }
                empty(&host, directory);
                let now = Deciding::on(&host);
                assert!(now == before && !waits(&host), "{what}: {}\n{output:#?}", now.differences(&before));
            }
            // Without the list of the governed the policy becomes active all the same.
            assert!(done > 0 && (failed > 0 || directory == "/etc/tom"), "{directory}: {done} worked, {failed} failed");
        }
    }

    /// The disk is full when a change is undone: administrators get in, and once there is room it is undone.
    fn full_when_it_is_undone(release) {
        let host = not_enabled(release);
        on_small_disk(&host, "/var/lib/tom");
        run(&host, "tom enable --as anna --now").expect_success();
        host.write_policy(&second_policy());
        let before = Deciding::on(&host);
        run(&host, "tom apply --as anna").expect_success();
        fill(&host, "/var/lib/tom", 0);
        let undone = run(&host, "tom rollback");
        println!("{:?} {}", undone.status, undone.stderr);
        assert!(enters(&host, &anna()) && !enters(&host, &old_root()) && !enters(&host, &stranger()));
        empty(&host, "/var/lib/tom");
        start_anew(&host).expect_success();
        let now = Deciding::on(&host);
        assert!(now == before && !waits(&host), "{}", now.differences(&before));
    }

    fn cannot_be_written(release) {
        let host = not_enabled(release);
        let read_only = |path: &str| run(&host, &format!(
            "mountpoint -q {path} || mount --bind {path} {path}; mount -o remount,ro,bind {path}")).expect_success();
        let writable = |path: &str| run(&host, &format!(
            "if [ {path} = / ]; then mount -o remount,rw,bind /; else umount -l {path}; fi")).expect_success();
        let try_all = |commands: &[&str], key: &tom_tests::Key| {
            let before = Deciding::on(&host);
            for path in ["/etc", "/var", "/"] {
                read_only(path);
                for command in commands {
                    let what = format!("{command} with {path} read-only");
                    let output = run(&host, command);
                    println!("{what}: {:?} {}", output.status, output.stderr.lines().last().unwrap_or_default());
                    assert_error(&output, &what);
                    assert!(enters(&host, key) && !enters(&host, &stranger()), "{what}");
                    let now = Deciding::on(&host);
                    assert!(now == before, "{what}: {}", now.differences(&before));
                }
                writable(path);
                start_anew(&host).expect_success();
                let now = Deciding::on(&host);
                assert!(now == before && !waits(&host), "{path}: {}", now.differences(&before));
            }
        };
        try_all(&["tom enable --as anna", "tom enable --as anna --observe"], &old_root());
        run(&host, "tom enable --as anna --now").expect_success();
        host.write_policy(&second_policy());
        try_all(&["tom apply --as anna", "tom disable", "tom disable --leave-keys"], &anna());
        run(&host, "tom apply --as anna").expect_success();
        // What waits cannot be undone while nothing can be written, and is afterwards.
        for path in ["/etc", "/var", "/"] {
            read_only(path);
            let output = run(&host, "tom rollback");
            println!("tom rollback with {path} read-only: {:?} {}", output.status, output.stderr.trim());
            assert_error(&output, path);
            assert!(enters(&host, &anna()) && !enters(&host, &old_root()) && !enters(&host, &stranger()), "{path}");
            writable(path);
            assert!(waits(&host), "{path}");
        }
        run(&host, "tom rollback").expect_success();
        assert!(enters(&host, &anna()) && !enters(&host, &old_root()));
    }
}
