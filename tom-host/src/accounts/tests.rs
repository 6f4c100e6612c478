//! Against this host's own C library, with databases made for each test in private mounts.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;

use super::*;
use crate::private_mounts::inside;

const BUILT_IN: [&str; 6] = ["root", "sudo", "docker", "lxd", "disk", "libvirt"];

/// /etc holds these users and groups, and may be changed.
fn world(more: &str) -> String {
    format!(
        "mount -t tmpfs -o mode=0755 tmpfs /mnt
        cp -a /etc/ld.so.cache /mnt/
        cat > /mnt/passwd <<END
root:x:0:0:root:/root:/bin/sh
toor:x:0:0:also root:/root:/bin/sh
anna:x:1001:1001::/:/bin/sh
bert:x:1002:27::/:/bin/sh
cora:x:1003:1003::/:/bin/sh
dora:x:1004:1004::/:/bin/sh
Carl Müller:x:1005:1005::/:/bin/sh
nobody:x:65534:65534::/:/bin/sh
END
        cat > /mnt/group <<END
root:x:0:
disk:x:6:dora
sudo:x:27:anna,dora
wheel:x:27:cora
dora:x:1004:
END
        printf 'passwd: files systemd\\ngroup: files systemd\\n' > /mnt/nsswitch.conf
        mount --bind /mnt /etc
        cd /etc
        {more}"
    )
}

fn groups(name: &str) -> Result<Vec<String>, LookupError> {
    groups_among(&look_up(name).unwrap(), &BUILT_IN)
}

#[test]
fn accounts_are_found() {
    if !inside("accounts::tests::accounts_are_found", &world("")) {
        return;
    }
    let account = |name: &str, uid, gid| Account { name: name.into(), uid, gid };
    assert_eq!(look_up("root"), Ok(account("root", 0, 0)));
    assert_eq!(look_up("toor"), Ok(account("toor", 0, 0)));
    assert_eq!(look_up("bert"), Ok(account("bert", 1002, 27)));
    let umlaut = account("Carl Müller", 1005, 1005);
    assert_eq!(look_up("Carl Müller"), Ok(umlaut));
    let name = "nobody-at-all".to_owned();
    let none = LookupError::NoSuchAccount { name: name.clone() };
    assert_eq!(look_up(&name), Err(none));
    let long = "a".repeat(256);
    for name in ["", "a\0b", "root\n", "root:x", "../root", "\u{85}", &long] {
        let expected = LookupError::MalformedName { name: name.into() };
        assert_eq!(look_up(name), Err(expected));
    }
}

/// Case 17: uid 0 under another name, an administrators' group under another name.
#[test]
fn groups_by_name_by_primary_group_and_by_number() {
    let name = "accounts::tests::groups_by_name_by_primary_group_and_by_number";
    if !inside(name, &world("")) {
        return;
    }
    assert_eq!(groups("root").unwrap(), ["root"]);
    assert_eq!(groups("toor").unwrap(), ["root"]);
    assert_eq!(groups("anna").unwrap(), ["sudo"]);
    assert_eq!(groups("bert").unwrap(), ["sudo"]);
    let same_number = groups("cora").unwrap();
    assert_eq!(same_number, ["sudo"], "wheel has sudo's number");
    assert_eq!(groups("dora").unwrap(), ["sudo", "disk"]);
    assert!(groups("nobody").unwrap().is_empty());
    let anna = look_up("anna").unwrap();
    assert_eq!(is_in_any(&anna, ["lxd", "sudo"]), Ok(true));
    assert_eq!(is_in_any(&anna, ["lxd", "dora"]), Ok(false));
    assert_eq!(is_in_any(&anna, []), Ok(false));
    assert!(is_in_any(&anna, ["su\0do"]).is_err());
}

/// One large group needs a larger buffer; many groups need a longer list.
#[test]
fn many_members_and_many_groups() {
    if !inside("accounts::tests::many_members_and_many_groups", &world("")) {
        return;
    }
    let mut text = fs::read_to_string("/etc/group").unwrap();
    text.push_str("docker:x:900:");
    (0..20_000).for_each(|i| text.push_str(&format!("member{i},")));
    text.push_str("anna\n");
    (0..3_000).for_each(|i| text.push_str(&format!("g{i}:x:{}:bert\n", 10_000 + i)));
    fs::write("/etc/group", text).unwrap();
    assert_eq!(groups("anna").unwrap(), ["sudo", "docker"]);
    assert_eq!(groups("bert").unwrap(), ["sudo"]);
    let bert = look_up("bert").unwrap();
    assert_eq!(is_in_any(&bert, ["g2999"]), Ok(true));
}

/// Ordinary users are not refused because nsswitch.conf names what is not installed.
#[test]
fn absent_modules_are_no_failure() {
    if !inside("accounts::tests::absent_modules_are_no_failure", &world("")) {
        return;
    }
    for line in ["files", "files systemd", "files no_such", "no_such files", "systemd files"] {
        nsswitch(line);
        assert_eq!(in_new_process("nobody"), "", "{line}");
        assert_eq!(in_new_process("dora"), "sudo disk", "{line}");
    }
    fs::remove_file("/etc/nsswitch.conf").unwrap();
    assert_eq!(in_new_process("nobody"), "");
    assert_eq!(in_new_process("dora"), "sudo disk");
}

#[test]
fn nothing_behind_nsswitch_is_a_failure() {
    let name = "accounts::tests::nothing_behind_nsswitch_is_a_failure";
    if !inside(name, &world("")) {
        return;
    }
    nsswitch("no_such");
    let expected = format!("failed {}", libc::ENODATA);
    assert_eq!(in_new_process("nobody"), expected);
    assert_eq!(in_new_process("dora"), expected);
}

#[test]
fn etc_group_that_cannot_be_read_is_a_failure() {
    let name = "accounts::tests::etc_group_that_cannot_be_read_is_a_failure";
    if !inside(name, &world("")) {
        return;
    }
    for line in ["files", "files systemd"] {
        nsswitch(line);
        for (change, errno) in [
            ("rm group", libc::ENOENT),
            ("mkdir group", libc::EISDIR),
            ("rmdir group; : > group", libc::ENODATA),
            ("echo sudo:x:27:nobody > group", libc::ENODATA),
            ("rm group; mkfifo group", libc::EINVAL),
            ("rm group; truncate -s 33M group", libc::EFBIG),
            ("rm group; ln -s group group", libc::ELOOP),
        ] {
            sh(&format!("cd /etc; {change}"));
            let expected = format!("failed {errno}");
            assert_eq!(in_new_process("nobody"), expected, "{line}: {change}");
        }
        sh("cd /etc; rm group; printf 'root:x:0:\\nsudo:x:27:dora\\ndisk:x:6:dora\\n' > group");
        assert_eq!(in_new_process("dora"), "sudo disk");
    }
    // The unprivileged user of the AuthorizedKeysCommand, and a group file it may not read.
    sh("chmod 600 /etc/group; cp /proc/self/exe /mnt/test 2> /dev/null || true");
    let refused = ask("nobody").uid(65534).gid(65534).output();
    match refused {
        Ok(refused) => {
            let expected = format!("failed {}", libc::EACCES);
            assert_eq!(answer(&refused.stdout), expected);
        }
        // The test binary lies where only root may run it.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::PermissionDenied),
    }
}

#[test]
fn without_descriptors_it_is_a_failure() {
    let name = "accounts::tests::without_descriptors_it_is_a_failure";
    if !inside(name, &world("ulimit -n 40")) {
        return;
    }
    let account = look_up("nobody").unwrap();
    let failure = || match groups_among(&account, &BUILT_IN) {
        Ok(groups) => {
            assert!(groups.is_empty());
            None
        }
        Err(LookupError::DatabaseFailed { errno, .. }) => Some(errno),
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(failure(), None);
    let mut held: Vec<fs::File> = std::iter::from_fn(|| fs::File::open("/").ok()).collect();
    assert_eq!(failure(), Some(libc::EMFILE));
    match look_up("dora") {
        Err(LookupError::DatabaseFailed { errno, .. }) => assert_eq!(errno, libc::EMFILE),
        other => panic!("{other:?}"),
    }
    // However many are free: the right answer or a failure.
    for _ in 0..8 {
        held.pop();
        if let Some(errno) = failure() {
            assert_eq!(errno, libc::EMFILE);
        }
    }
    assert_eq!(failure(), None);
}

/// Modules that are installed and do not answer; made here, so that every answer can be had.
#[test]
fn a_module_that_does_not_answer_is_a_failure() {
    let name = "accounts::tests::a_module_that_does_not_answer_is_a_failure";
    let more = "
        cat > module.c <<END
#include <nss.h>
#include <grp.h>
enum nss_status _nss_fake_getgrnam_r(const char *n, struct group *g, char *b, size_t l, int *e)
{ *e = ERRNO; return STATUS; }
END
        for answer in TRYAGAIN:11 TRYAGAIN:34 UNAVAIL:111 UNAVAIL:2 UNAVAIL:5 NOTFOUND:2; do
            gcc -shared -fPIC -DSTATUS=NSS_STATUS_${answer%:*} -DERRNO=${answer#*:} \\
                -o fake-$answer.so module.c
        done
        mkdir lib";
    if !inside(name, &world(more)) {
        return;
    }
    nsswitch("files fake");
    for (module, expected) in [
        ("TRYAGAIN:11", "failed 11"),
        ("TRYAGAIN:34", "failed 34"),
        ("UNAVAIL:111", "failed 111"),
        ("UNAVAIL:2", "failed 2"),
        ("UNAVAIL:5", "failed 5"),
        ("NOTFOUND:2", ""),
    ] {
        let from = format!("/etc/fake-{module}.so");
        fs::rename(from, "/etc/lib/libnss_fake.so.2").unwrap();
        let asked = ask("nobody").env("LD_LIBRARY_PATH", "/etc/lib").output();
        assert_eq!(answer(&asked.unwrap().stdout), expected, "{module}");
    }
}

#[test]
fn everything_in_one_pass() {
    if !inside("accounts::tests::everything_in_one_pass", &world("")) {
        return;
    }
    let all = Database::read_all().unwrap();
    assert_eq!(all.names_of_uid_0(), ["root", "toor"]);
    let administrators = all.members_of(&["sudo"]);
    assert_eq!(administrators, ["anna", "dora", "cora", "bert"]);
    assert!(all.members_of(&["lxd"]).is_empty());
    let mut groups = all.groups.iter();
    let wheel = groups.find(|group| group.name == "wheel").unwrap();
    assert_eq!(wheel.members, ["cora"]);
    let failed = || matches!(Database::read_all(), Err(LookupError::DatabaseFailed { .. }));
    sh("cd /etc; mv group aside; mkdir group");
    assert!(failed());
    sh("cd /etc; rmdir group; mv aside group");
    assert!(!failed());
    nsswitch("files");
    sh("sed -i /root/d /etc/passwd");
    assert!(failed());
}

fn sh(script: &str) {
    let status = Command::new("sh").args(["-ec", script]).status().unwrap();
    assert!(status.success(), "{script}");
}

fn nsswitch(line: &str) {
    let text = format!("passwd: {line}\ngroup: {line}\n");
    fs::write("/etc/nsswitch.conf", text).unwrap();
}

/// A question in a process of its own, because the C library remembers what it loaded.
fn ask(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["accounts::tests::the_question", "--exact"]).arg("--nocapture").env("TOM_TEST_ACCOUNT", name);
    command
}

fn in_new_process(name: &str) -> String {
    answer(&ask(name).output().unwrap().stdout)
}

fn answer(stdout: &[u8]) -> String {
    let text = String::from_utf8_lossy(stdout);
    let (_, after) = text.split_once("ANSWER<").unwrap_or_else(|| panic!("{text}"));
    let (answer, _) = after.split_once('>').unwrap();
    answer.to_owned()
}

/// A part of the other tests, in a process of its own: without a name it asks nothing.
#[test]
fn the_question() {
    let Ok(name) = std::env::var("TOM_TEST_ACCOUNT") else {
        return;
    };
    let (uid, gid) = (65534, 65534);
    match groups_among(&Account { name, uid, gid }, &BUILT_IN) {
        Ok(groups) => println!("ANSWER<{}>", groups.join(" ")),
        Err(LookupError::DatabaseFailed { errno, .. }) => println!("ANSWER<failed {errno}>"),
        Err(other) => println!("ANSWER<{other}>"),
    }
}
