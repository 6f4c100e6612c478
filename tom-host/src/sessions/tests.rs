//! Records in a /run of the test's own.

use super::{Process, SESSIONS, Session, SessionsError, ancestor_session, end, forget, live, record, survey};
use crate::private_mounts::inside;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, Command};
use std::time::Instant;

const RUN: &str = "mount -t tmpfs -o mode=0755 run /run";

fn session(process: Process, person: &str) -> Session {
    Session {
        process,
        person: Some(person.to_owned()),
        key_label: Some("blue".to_owned()),
        key_fingerprint: Some("SHA256:x".to_owned()),
        machine: None,
        account: "root".to_owned(),
        service: "sshd".to_owned(),
        from: Some("203.0.113.5".to_owned()),
        opened: 1_764_000_000,
    }
}

fn shell(script: &str) -> (Child, Process) {
    let child = Command::new("sh").args(["-c", script]).spawn().unwrap();
    let started = super::process::status_of(child.id()).unwrap().unwrap().process.started;
    let process = Process { pid: child.id(), started };
    (child, process)
}

#[test]
fn who_is_on_record_is_found_as_long_as_the_process_runs() {
    if !inside("sessions::tests::who_is_on_record_is_found_as_long_as_the_process_runs", RUN) {
        return;
    }
    assert_eq!(live().unwrap(), []);
    assert_eq!(ancestor_session().unwrap(), None);
    let this = Process::this().unwrap();
    let mine = session(this, "anna");
    record(&mine).unwrap();
    assert_eq!(fs::metadata(SESSIONS).unwrap().permissions().mode() & 0o7777, 0o700);
    let file = Path::new(SESSIONS).join(this.file_name());
    let status = fs::metadata(&file).unwrap();
    assert_eq!((status.mode() & 0o7777, status.uid()), (0o600, 0));
    assert_eq!(live().unwrap(), std::slice::from_ref(&mine));
    assert_eq!(ancestor_session().unwrap(), Some(mine));
    // Once more: it is replaced.
    record(&session(this, "bert")).unwrap();
    assert_eq!(live().unwrap().len(), 1);
    // The same number, another process.
    let other = session(Process { started: this.started - 1, ..this }, "cora");
    record(&other).unwrap();
    assert_eq!(live().unwrap(), [session(this, "bert")]);
    assert_eq!(fs::read_dir(SESSIONS).unwrap().count(), 1, "who is gone is cleared away");
    forget(&this);
    forget(&this);
    assert_eq!(live().unwrap(), []);
}

#[test]
fn what_is_not_roots_or_damaged_is_told_and_not_believed() {
    if !inside("sessions::tests::what_is_not_roots_or_damaged_is_told_and_not_believed", RUN) {
        return;
    }
    let this = Process::this().unwrap();
    let file = Path::new(SESSIONS).join(this.file_name());
    record(&session(this, "anna")).unwrap();
    let sound = fs::read(&file).unwrap();
    let told = |what: &str| {
        let survey = survey().unwrap();
        assert_eq!((survey.live.len(), survey.unreadable.len()), (0, 1), "{what}: {survey:?}");
        assert!(ancestor_session().is_err(), "{what}");
    };
    fs::write(&file, &sound[..sound.len() - 1]).unwrap();
    told("half of it");
    fs::write(&file, vec![b'a'; 1 << 20]).unwrap();
    told("a megabyte");
    fs::write(&file, &sound).unwrap();
    std::os::unix::fs::chown(&file, Some(1000), None).unwrap();
    told("another's");
    fs::remove_file(&file).unwrap();
    fs::write("/run/elsewhere", &sound).unwrap();
    symlink("/run/elsewhere", &file).unwrap();
    told("a link");
    fs::remove_file(&file).unwrap();
    assert!(Command::new("mkfifo").arg(&file).status().unwrap().success());
    told("a FIFO");
    // A record written now is in its place.
    record(&session(this, "anna")).unwrap();
    assert_eq!(live().unwrap().len(), 1);
    // From before the host was started anew, and /run was on a disk.
    let older = String::from_utf8(sound.clone()).unwrap().replacen("boot=", "boot=0", 1);
    fs::write(&file, older).unwrap();
    assert_eq!(survey().unwrap().unreadable.len(), 0);
    assert!(!file.exists());
    fs::write(Path::new(SESSIONS).join("nonsense"), "").unwrap();
    assert_eq!(survey().unwrap().unreadable.len(), 1);
}

#[test]
fn a_directory_that_others_could_fill_is_refused() {
    if !inside("sessions::tests::a_directory_that_others_could_fill_is_refused", RUN) {
        return;
    }
    let this = session(Process::this().unwrap(), "anna");
    let refused = |what: &str| {
        let errors = [record(&this).unwrap_err(), live().unwrap_err(), ancestor_session().unwrap_err()];
        for error in errors {
            assert!(matches!(error, SessionsError::Untrusted { .. } | SessionsError::Io { .. }), "{what}: {error}");
        }
        forget(&this.process);
    };
    record(&this).unwrap();
    let mode = |path: &str, bits| fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
    mode(SESSIONS, 0o755);
    refused("readable");
    mode(SESSIONS, 0o700);
    mode("/run/tom", 0o775);
    refused("a writable way");
    mode("/run/tom", 0o755);
    assert_eq!(live().unwrap().len(), 1);
    std::os::unix::fs::chown(SESSIONS, Some(1000), None).unwrap();
    refused("another's");
    fs::rename("/run/tom", "/run/elsewhere").unwrap();
    symlink("/run/elsewhere", "/run/tom").unwrap();
    std::os::unix::fs::chown("/run/elsewhere/sessions", Some(0), None).unwrap();
    refused("a link on the way");
    fs::remove_file("/run/tom").unwrap();
    fs::create_dir("/run/tom").unwrap();
    symlink("/run/elsewhere/sessions", SESSIONS).unwrap();
    refused("a link");
    // A login that finds no place for it goes on: an error, no panic, no wait.
    fs::remove_file(SESSIONS).unwrap();
    assert!(Command::new("mount").args(["-o", "remount,ro", "/run"]).status().unwrap().success());
    let started = Instant::now();
    assert!(record(&this).is_err());
    assert!(started.elapsed().as_secs() < 1);
}

#[test]
fn ends_a_session_and_what_descends_from_it_and_no_other() {
    if !inside("sessions::tests::ends_a_session_and_what_descends_from_it_and_no_other", RUN) {
        return;
    }
    // A shell that passes over TERM, with children; and another's session below it.
    let (mut first, ends) = shell("trap '' TERM; sleep 1000 & sh -c 'sleep 1001; :' & wait; wait; sleep 1002");
    let (mut second, stays) = shell("sleep 1003; :");
    let (anna, bert) = (session(ends, "anna"), session(stays, "bert"));
    record(&anna).unwrap();
    record(&bert).unwrap();
    while super::process::all().unwrap().iter().filter(|status| status.parent == ends.pid).count() < 2 {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let ended = end(&anna, std::slice::from_ref(&bert)).unwrap();
    assert_eq!(ended.left, []);
    assert!(ended.processes >= 4, "{ended:?}");
    first.wait().unwrap();
    assert_eq!(live().unwrap(), std::slice::from_ref(&bert));
    // A number that has passed on ends nobody.
    let ended = end(&session(Process { started: stays.started - 1, ..stays }, "anna"), &[]).unwrap();
    assert_eq!((ended.processes, second.try_wait().unwrap()), (0, None));
    assert_eq!(end(&bert, &[]).unwrap().left, []);
    second.wait().unwrap();
    assert_eq!(live().unwrap(), []);
}
