//! Every refusal, on real files. Case 24 of the adversarial cases.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::*;
use crate::private_mounts::inside;

/// /mnt is a fresh file system of root's.
const WORLD: &str = "mount -t tmpfs -o mode=0755 tmpfs /mnt";
const CUSTOMER: u32 = 20_000;
const LIMIT: u64 = 100;
const FILE: &str = "/mnt/one/two/file";

fn sound() {
    fs::create_dir_all("/mnt/one/two").unwrap();
    for directory in ["/mnt/one", "/mnt/one/two"] {
        mode(directory, 0o755);
    }
    fs::write(FILE, "text").unwrap();
    mode(FILE, 0o640);
}

fn mode(path: &str, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

fn sh(script: &str) {
    assert!(Command::new("sh").args(["-ec", script]).status().unwrap().success(), "{script}");
}

/// Reads `path`, within a second whatever it is.
fn timed(path: &str) -> Result<Vec<u8>, TrustError> {
    let begin = Instant::now();
    let result = read(Path::new(path), LIMIT);
    assert!(begin.elapsed() < Duration::from_secs(1), "{path} took long");
    result
}

/// The component at fault and what is wrong with it.
fn fault(path: &str) -> (String, Fault) {
    match timed(path) {
        Err(TrustError::Untrusted { path, fault, .. }) => (path.display().to_string(), fault),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn sound_files_are_read() {
    if !inside("trusted_file::tests::sound_files_are_read", WORLD) {
        return;
    }
    sound();
    assert_eq!(timed(FILE).unwrap(), b"text");
    assert_eq!(timed("//mnt/./one//two/file").unwrap(), b"text");
    fs::write("/mnt/empty", "").unwrap();
    assert_eq!(timed("/mnt/empty").unwrap(), b"");
    fs::write("/mnt/full", [b'x'; 100]).unwrap();
    assert_eq!(timed("/mnt/full").unwrap().len(), 100);
    let mut part = [0; 2];
    let directory = TrustedDirectory::open(Path::new("/mnt/one/two")).unwrap();
    let file = directory.file("file", LIMIT).unwrap();
    assert_eq!(file.size(), 4);
    file.read_at(&mut part, 1).unwrap();
    assert_eq!(&part, b"ex");
    assert!(file.read_at(&mut part, 3).is_err());
}

#[test]
fn descriptors_are_closed_on_exec() {
    if !inside("trusted_file::tests::descriptors_are_closed_on_exec", WORLD) {
        return;
    }
    sound();
    let directory = TrustedDirectory::open(Path::new("/mnt/one/two")).unwrap();
    let file = directory.file("file", LIMIT).unwrap();
    let child = Command::new("ls").args(["-l", "/proc/self/fd"]).output().unwrap();
    let listing = String::from_utf8(child.stdout).unwrap();
    assert!(listing.contains("->") && !listing.contains("/mnt"), "{listing}");
    drop(file);
}

#[test]
fn owners_and_modes_at_every_level() {
    if !inside("trusted_file::tests::owners_and_modes_at_every_level", WORLD) {
        return;
    }
    sound();
    for path in ["/mnt", "/mnt/one", "/mnt/one/two", FILE] {
        let before = fs::metadata(path).unwrap().permissions().mode();
        chown(path, Some(CUSTOMER), None).unwrap();
        assert_eq!(fault(FILE), (path.into(), Fault::Owner));
        chown(path, Some(0), None).unwrap();
        for bits in [0o020, 0o002, 0o022, 0o1002] {
            mode(path, before | bits);
            assert_eq!(fault(FILE), (path.into(), Fault::Writable), "{bits:o}");
        }
        mode(path, before);
        assert!(timed(FILE).is_ok());
    }
    chown(FILE, Some(0), Some(CUSTOMER)).unwrap();
    assert!(timed(FILE).is_ok(), "a group that may only read is fine");
    mode(FILE, 0o1777);
    let message = timed(FILE).unwrap_err().to_string();
    assert_eq!(message, "/mnt/one/two/file can be written by its group or by others (mode 1777, owner 0)");
}

#[test]
fn a_sticky_directory_is_no_place() {
    if !inside("trusted_file::tests::a_sticky_directory_is_no_place", WORLD) {
        return;
    }
    sh("mkdir -m 1777 /mnt/tmp; echo text > /mnt/tmp/file");
    assert_eq!(fault("/mnt/tmp/file"), ("/mnt/tmp".into(), Fault::Writable));
}

#[test]
fn links_at_every_level() {
    if !inside("trusted_file::tests::links_at_every_level", WORLD) {
        return;
    }
    sound();
    for path in ["/mnt/one", "/mnt/one/two", FILE] {
        fs::rename(path, "/mnt/aside").unwrap();
        symlink("/mnt/aside", path).unwrap();
        assert_eq!(fault(FILE), (path.into(), Fault::Link));
        fs::remove_file(path).unwrap();
        symlink("/nowhere", path).unwrap();
        assert_eq!(fault(FILE), (path.into(), Fault::Link));
        fs::remove_file(path).unwrap();
        fs::rename("/mnt/aside", path).unwrap();
    }
    assert!(timed(FILE).is_ok());
}

#[test]
fn other_kinds_are_refused_and_not_opened() {
    if !inside("trusted_file::tests::other_kinds_are_refused_and_not_opened", WORLD) {
        return;
    }
    sound();
    sh("cd /mnt; mkfifo -m 600 fifo; mknod -m 600 zero c 1 5; mknod -m 600 tty c 5 0; \
        mknod -m 600 disk b 7 99; mkdir -m 700 directory; mkfifo -m 666 open");
    let _socket = UnixListener::bind("/mnt/socket").unwrap();
    mode("/mnt/socket", 0o600);
    for name in ["fifo", "zero", "tty", "disk", "directory", "socket", "open"] {
        let path = format!("/mnt/{name}");
        assert_eq!(fault(&path), (path.clone(), Fault::NotAFile));
        if name != "directory" {
            assert_eq!(fault(&format!("{path}/file")), (path, Fault::NotADirectory));
        }
    }
    assert_eq!(fault(&format!("{FILE}/file")), (FILE.into(), Fault::NotADirectory));
    let waiting = Command::new("timeout").args(["0.2", "sh", "-c", ": > /mnt/fifo"]).status();
    assert_eq!(waiting.unwrap().code(), Some(124), "no reader ever opened the FIFO");
}

#[test]
fn a_hard_link_to_a_customers_file() {
    if !inside("trusted_file::tests::a_hard_link_to_a_customers_file", WORLD) {
        return;
    }
    sound();
    fs::write("/mnt/customers", "text").unwrap();
    chown("/mnt/customers", Some(CUSTOMER), Some(CUSTOMER)).unwrap();
    fs::remove_file(FILE).unwrap();
    fs::hard_link("/mnt/customers", FILE).unwrap();
    assert_eq!(fault(FILE), (FILE.into(), Fault::Owner));
}

#[test]
fn sizes() {
    if !inside("trusted_file::tests::sizes", WORLD) {
        return;
    }
    sound();
    fs::write(FILE, [b'x'; 101]).unwrap();
    assert!(matches!(timed(FILE), Err(TrustError::TooLarge { size: 101, limit: LIMIT, .. })));
    sh(&format!("truncate -s 100M {FILE}"));
    assert!(matches!(timed(FILE), Err(TrustError::TooLarge { .. })));
    sh(&format!("truncate -s 200T {FILE}"));
    let huge = read(Path::new(FILE), u64::MAX);
    assert!(matches!(huge, Err(TrustError::Io { .. })), "{huge:?}");
    // In /proc a file has size 0 and content all the same.
    let changing = read(Path::new("/proc/version"), LIMIT);
    assert!(matches!(changing, Err(TrustError::Untrusted { fault: Fault::Changing, .. })));
    for text in ["texttext", "te", ""] {
        fs::write(FILE, "text").unwrap();
        let directory = TrustedDirectory::open(Path::new("/mnt/one/two")).unwrap();
        let file = directory.file("file", LIMIT).unwrap();
        fs::write(FILE, text).unwrap();
        let result = file.read_all();
        assert!(matches!(result, Err(TrustError::Untrusted { fault: Fault::Changing, .. })));
    }
}

#[test]
fn missing_is_told_apart() {
    if !inside("trusted_file::tests::missing_is_told_apart", WORLD) {
        return;
    }
    sound();
    for (path, missing) in
        [("/mnt/one/two/none", "/mnt/one/two/none"), ("/mnt/none/two/file", "/mnt/none"), ("/none", "/none")]
    {
        match timed(path) {
            Err(error @ TrustError::NotFound { .. }) => {
                assert!(error.is_not_found());
                assert_eq!(error.to_string(), format!("{missing} does not exist"));
            }
            other => panic!("{path}: {other:?}"),
        }
    }
    for path in ["", "/", "file", "./file", "/mnt/../mnt/file", "/mnt/one/..", "../x"] {
        assert!(matches!(timed(path), Err(TrustError::BadPath { .. })), "{path}");
    }
    let directory = TrustedDirectory::open(Path::new("/mnt/one/two")).unwrap();
    for name in ["", ".", "..", "/", "/mnt/one/two/file", "../two/file", "file/"] {
        let result = directory.read(name, LIMIT);
        assert!(matches!(result, Err(TrustError::BadPath { .. })), "{name}: {result:?}");
    }
}

#[test]
fn without_descriptors_it_is_no_matter_of_trust() {
    let name = "trusted_file::tests::without_descriptors_it_is_no_matter_of_trust";
    if !inside(name, &format!("{WORLD}; ulimit -n 20")) {
        return;
    }
    sound();
    // The deepest moment of the walk holds two descriptors: every number of free ones is tried.
    let mut held: Vec<fs::File> = std::iter::from_fn(|| fs::File::open("/").ok()).collect();
    let mut results = Vec::new();
    loop {
        results.push(match timed(FILE) {
            Ok(bytes) => bytes == b"text",
            Err(TrustError::Io { source, .. }) => {
                assert_eq!(source.raw_os_error(), Some(24));
                false
            }
            Err(other) => panic!("{other:?}"),
        });
        if held.pop().is_none() || results.len() > 5 {
            break;
        }
    }
    assert_eq!(results.first(), Some(&false));
    assert_eq!(results.last(), Some(&true));
}

#[test]
fn several_files_come_from_one_directory() {
    if !inside("trusted_file::tests::several_files_come_from_one_directory", WORLD) {
        return;
    }
    sh("mkdir -m 755 /mnt/active /mnt/next; cd /mnt; \
        echo 1 > active/a; echo 1 > active/b; echo 2 > next/a; echo 2 > next/b; chmod 640 */?");
    let directory = TrustedDirectory::open(Path::new("/mnt/active")).unwrap();
    assert_eq!(directory.read("a", LIMIT).unwrap(), b"1\n");
    assert!(!directory.is_removed().unwrap());
    sh("cd /mnt; mv active old");
    assert!(directory.is_removed().unwrap());
    sh("cd /mnt; mv next active");
    assert_eq!(directory.read("b", LIMIT).unwrap(), b"1\n");
    assert!(directory.is_removed().unwrap());
    sh("rm /mnt/old/b");
    assert!(directory.read("b", LIMIT).unwrap_err().is_not_found());
    assert!(directory.is_removed().unwrap(), "although it still exists");
    sh("rm -r /mnt/old");
    assert!(directory.is_removed().unwrap());
    assert_eq!(timed("/mnt/active/b").unwrap(), b"2\n");
}

/// While a name means one thing and then another, only sound bytes are ever read, and replacing a
/// sound file by a sound file is never noticed.
#[test]
fn exchanged_while_it_is_read() {
    if !inside("trusted_file::tests::exchanged_while_it_is_read", WORLD) {
        return;
    }
    sound();
    sh("cd /mnt; mkfifo -m 600 fifo; echo evil > evil; chown 20000 evil; ln -s evil link");
    let stop = AtomicBool::new(false);
    for (others, must_work) in [(["evil", "link", "fifo"], false), (["text"; 3], true)] {
        stop.store(false, Ordering::Relaxed);
        std::thread::scope(|scope| {
            let (stop, others) = (&stop, &others);
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    for other in others {
                        fs::write("/mnt/text", "text").unwrap();
                        let _ = fs::remove_file("/mnt/second");
                        let from = format!("/mnt/{other}");
                        if *other == "text" {
                            fs::copy(from, "/mnt/second").unwrap();
                        } else {
                            fs::hard_link(from, "/mnt/second").unwrap();
                        }
                        fs::rename("/mnt/second", FILE).unwrap();
                        fs::rename("/mnt/text", FILE).unwrap();
                        fs::write("/mnt/text", "text").unwrap();
                    }
                }
            });
            let begin = Instant::now();
            let mut read = 0;
            while begin.elapsed() < Duration::from_millis(400) {
                match timed(FILE) {
                    Ok(bytes) => {
                        assert_eq!(bytes, b"text");
                        read += 1;
                    }
                    Err(error) => assert!(!must_work, "{error}"),
                }
            }
            stop.store(true, Ordering::Relaxed);
            assert!(read > 100, "{read}");
        });
    }
}
