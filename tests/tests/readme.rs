//! README's way from nothing to an enforced host, as it is written there.

#![allow(clippy::expect_used, clippy::panic, clippy::arithmetic_side_effects, reason = "a test says what it expects")]

use tom_tests::company::{OFFICE, POLICY, anna};
use tom_tests::packaged::laptop;
use tom_tests::{Bench, Package, on_each_release};

const README: &str = include_str!("../../README.md");

/// The commands of the chapter, without what is said beside them.
fn commands() -> Vec<&'static str> {
    let chapter = README.split_once("## Put it on a host").expect("the chapter").1;
    let block = chapter.split("```").nth(1).expect("its block");
    block
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default().trim())
        .filter(|line| !line.is_empty())
        .collect()
}

on_each_release! {
    fn from_nothing_to_an_enforced_host(release) {
        let commands = commands();
        assert!(commands.len() <= 10, "{commands:#?}");
        // A host that has never seen tom, with a key of root's in the usual place.
        let host = Bench::on(release).without_tom().start();
        host.authorized_keys("root", laptop().public());
        let package = Package::built();
        let name = package.path().file_name().and_then(|name| name.to_str()).expect("a name");
        host.write(&format!("/root/{name}"), 0o644, std::fs::read(package.path()).expect("the package"));
        let policy = format!("{POLICY}\n[[host]]\nmatch = [\"web*.example.net\"]\nclass = \"shared-hosting\"\n");
        for command in &commands {
            match command.split(' ').next().expect("a word") {
                // What the person types into the editor, and on another machine.
                "editor" => host.write_policy(&policy),
                "tom" if command.starts_with("tom enroll ") => {}
                "ssh" => {
                    let confirm = command.strip_prefix("ssh root@web1.example.net ").expect("this host");
                    host.ssh("root").key(&anna()).from(OFFICE).run(confirm).assert_allowed();
                }
                _ => {
                    let output = host.run(["sh", "-c", &format!("cd /root && {command}")]);
                    // The doctor may find something: that is what it is asked for.
                    let found = *command == "tom doctor" && output.status == Some(1);
                    assert!(output.success() || found, "{command}: {output:#?}");
                }
            }
        }
        host.ssh("root").key(&anna()).from(OFFICE).run("true").assert_allowed();
        host.ssh("root").key(&laptop()).from(OFFICE).run("true").assert_refused();
        host.run(["tom", "rollback", "--unconfirmed"]).expect_success();
        assert!(!host.path("/var/lib/tom/rollback/pending").exists());
    }
}
