//! The rehearsal itself, inside its namespaces: a private copy of what decides logins, changed as the host would be,
//! and asked.

use super::{MACHINE, digest_of, leftover, login};
use crate::arguments::{RehearseOptions, RehearsedPolicy};
use crate::change::candidate::Candidate;
use crate::change::configuration::{self, Mode, Reload};
use crate::change::sshd_lines::Governed;
use crate::change::{pam_lines, sshd_lines};
use crate::exit::{Exit, Failure};
use crate::inspection::{self, sshd::Consequence};
use crate::output;
use libtom::host_policy::HostPolicy;
use libtom::network::{NetworkSet, parse_network};
use libtom::policy::{Command, HostSelector, Machine, MachineAccess, Position};
use libtom::public_key::PublicKey;
use rustix::mount::{MountFlags, mount, mount_bind};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::fs::{self, DirBuilder, File};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::Duration;
use tom_host::accounts::{Account, Database};
use tom_host::active_policy;

/// Directories that are changed, in copies.
const COPIED: [&str; 6] =
    ["/etc/ssh", "/etc/tom", pam_lines::DIRECTORY, pam_lines::PROFILE_STATE, "/var/cache/debconf", "/var/lib/tom"];
/// Where logind would register sessions that are none of the host's, and the journal logins that nobody made.
const SYSTEMD: &str = "/run/systemd";
/// What of it stays: where accounts may come from.
const KEPT: [&str; 2] = ["userdb", "resolve"];
/// Where syslog listens. With systemd a link into what is covered.
const SYSLOG: &str = "/dev/log";
/// Sessions on record.
const SESSIONS: &str = "/run/tom";
/// For the keys of the rehearsal.
pub(super) const SCRATCH: &str = "/var/lib/tom/rehearsal";

/// Rehearses, and writes what it finds as lines of `change`, `passed` and `finding`.
pub(crate) fn run(options: &RehearseOptions) -> Result<Exit, Failure> {
    refuse_outside(options)?;
    let outcome = rehearse(options);
    leftover::end_all();
    outcome
}

fn rehearse(options: &RehearseOptions) -> Result<Exit, Failure> {
    let mode = Mode::named(&options.mode).ok_or_else(|| Failure::not_checked("an unknown mode"))?;
    // The policy first: what it is read from is covered afterwards.
    let candidate = match options.policy {
        RehearsedPolicy::Candidate => Candidate::read(),
        RehearsedPolicy::Previous => Candidate::previous(),
        RehearsedPolicy::Active => Candidate::active(),
    }?;
    if digest_of(&candidate.source) != options.digest {
        return Err(Failure::not_checked("the policy was changed meanwhile; run it again"));
    }
    private_copies()?;
    let before = texts();
    let keys = login::Keys::make()?;
    let mut accounts = login::accounts(&candidate)?;
    let has_sshd = sshd_lines::is_installed();
    if mode == Mode::Observe && has_sshd {
        accounts = login::open_now(accounts, &keys)?;
    }
    let names: Vec<String> = accounts.iter().map(|account| account.name.clone()).collect();
    let candidate = candidate.with_machine(throw_away(&keys.known, names)?)?;
    // As it would be.
    let turn = active_policy::take_turn().map_err(|error| Failure::not_checked(error.to_string()))?;
    candidate.exchange(&turn)?;
    let here = candidate.here()?;
    configuration::put_in_place(mode, &here, Reload::No, &turn)
        .map_err(|error| Failure::not_checked(error.to_string()))?;
    tell_changes(&before, &texts());
    // And asked.
    let mut findings = Vec::new();
    if has_sshd {
        sshd_lines::check_syntax().map_err(|error| Failure::findings(vec![error.to_string()]))?;
        if mode == Mode::Enforce {
            ask_sshd(&here, &accounts, &mut findings)?;
            login::ask_the_hook(&candidate, &mut findings)?;
            login::ask_for_algorithms(&candidate, &mut findings)?;
        }
        login::try_all(mode, &accounts, &keys, &mut findings)?;
    } else if mode == Mode::Enforce {
        findings.push("there is no sshd on this host: no administrator could log in".to_owned());
    }
    for finding in &findings {
        output::data(&format!("finding {}\n", one_line(finding)));
    }
    Ok(if findings.is_empty() { Exit::Fine } else { Exit::Findings })
}

/// What sshd says that it would do for governed accounts, in every kind of connection that its configuration knows.
fn ask_sshd(here: &HostPolicy<'_>, entered: &[Account], findings: &mut Vec<String>) -> Result<(), Failure> {
    let governed = Governed::of(here).map_err(|error| Failure::not_checked(error.to_string()))?;
    // Members of admin groups have a block of their own.
    let database = Database::read_all().map_err(|error| Failure::not_checked(error.to_string()))?;
    let groups: Vec<&str> = governed.groups.iter().map(String::as_str).collect();
    let mut accounts: BTreeSet<String> = governed.users.iter().cloned().collect();
    accounts.extend(database.members_of(&groups).into_iter().map(str::to_owned));
    let shortfalls = inspection::sshd::shortfalls(&accounts.into_iter().collect::<Vec<_>>())
        .map_err(|error| Failure::not_checked(format!("what sshd would do is not known: {error}")))?;
    for shortfall in &shortfalls {
        let what = format!(
            "sshd would have {} {} for {}{}, not {}{}",
            shortfall.keyword,
            shortfall.found,
            shortfall.account,
            if shortfall.connection.is_empty() { String::new() } else { format!(" {}", shortfall.connection) },
            shortfall.expected,
            shortfall.place.as_ref().map(|place| format!(": {place} wins")).unwrap_or_default(),
        );
        // An account that no person enters by SSH locks nobody out.
        let is_entered = entered.iter().any(|account| account.name == shortfall.account);
        match shortfall.consequence {
            Consequence::WayIn => findings.push(what),
            Consequence::LockOut if is_entered => findings.push(what),
            Consequence::LockOut | Consequence::Weaker => {
                output::message(&format!("warning: {}", output::plain(&what)));
            }
        }
    }
    if shortfalls.is_empty() {
        output::data("passed sshd -T has all of tom's settings for every governed account and every Match\n");
    }
    Ok(())
}

/// This covers directories of the host: nowhere but in a mount namespace of its own.
fn refuse_outside(options: &RehearseOptions) -> Result<(), Failure> {
    let namespace = fs::read_link("/proc/self/ns/mnt").map_err(|error| Failure::not_checked(error.to_string()))?;
    let first = fs::read_link("/proc/1/ns/mnt").map_err(|error| Failure::not_checked(error.to_string()))?;
    if namespace.to_str() == Some(&options.outside) || namespace == first {
        return Err(Failure::not_checked("this is called by 'tom enable' and 'tom apply', in a namespace of its own"));
    }
    Ok(())
}

/// Covers what is changed with copies in memory, and what must not hear of it.
fn private_copies() -> Result<(), Failure> {
    for path in COPIED {
        if Path::new(path).is_dir() {
            cover_with_copy(path)?;
        }
    }
    for path in [SYSTEMD, SESSIONS] {
        if Path::new(path).is_dir() {
            cover(path, &KEPT)?;
        }
    }
    if !Path::new(SESSIONS).exists() {
        // Where the sessions of a rehearsal go on record; on the host an empty directory stays.
        let made = DirBuilder::new().mode(0o700).create(SESSIONS);
        made.map_err(|error| not_covered(SESSIONS, &error))?;
        cover(SESSIONS, &[])?;
    }
    // Without systemd this is a syslog's own socket; nobody listens at another file.
    if Path::new(SYSLOG).exists() {
        mount_bind("/dev/null", SYSLOG).map_err(|errno| not_covered(SYSLOG, &errno.into()))?;
    }
    // sshd does not start without it.
    let _ = DirBuilder::new().mode(0o755).recursive(true).create("/run/sshd");
    tom_host::loopback::raise().map_err(|error| not_covered("the loopback interface", &error))
}

fn not_covered(what: &str, error: &std::io::Error) -> Failure {
    Failure::not_checked(format!("{what} cannot be made private: {error}"))
}

fn cover_with_copy(path: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| not_covered(path, &error);
    let below = File::open(path).map_err(failed)?;
    mount_memory(path, &below).map_err(failed)?;
    let source = format!("/proc/{}/fd/{}/.", std::process::id(), below.as_raw_fd());
    sshd_lines::run("/bin/cp", &["-a", "--", &source, path], Duration::from_secs(60))
        .map(drop)
        .map_err(|error| Failure::not_checked(error.to_string()))
}

/// An empty directory over `path`, in which these are what they were.
fn cover(path: &str, kept: &[&str]) -> Result<(), Failure> {
    let failed = |error: std::io::Error| not_covered(path, &error);
    let below = File::open(path).map_err(failed)?;
    let opened: Vec<(&str, File)> =
        kept.iter().filter_map(|name| Some((*name, File::open(Path::new(path).join(name)).ok()?))).collect();
    mount_memory(path, &below).map_err(failed)?;
    for (name, directory) in opened {
        let target = Path::new(path).join(name);
        fs::create_dir(&target).map_err(failed)?;
        let source = format!("/proc/{}/fd/{}", std::process::id(), directory.as_raw_fd());
        mount_bind(source, &target).map_err(|errno| failed(errno.into()))?;
    }
    Ok(())
}

/// A file system in memory, whose directory has the owner and mode of the one below.
fn mount_memory(path: &str, below: &File) -> std::io::Result<()> {
    let metadata = below.metadata()?;
    let mode = metadata.mode() & 0o7777;
    let data = CString::new(format!("mode={mode:o},uid={},gid={}", metadata.uid(), metadata.gid()))?;
    mount("tom-rehearsal", path, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, data.as_c_str())?;
    Ok(())
}

/// The machine that logs in.
fn throw_away(public: &str, accounts: Vec<String>) -> Result<Machine, Failure> {
    let public = PublicKey::parse(public).map_err(|error| Failure::not_checked(format!("the made key {error}")))?;
    let loopback = parse_network("127.0.0.1").map_err(|error| Failure::not_checked(error.to_string()))?;
    Ok(Machine {
        id: MACHINE.to_owned(),
        owner: 0,
        access: MachineAccess::Login {
            public,
            from_names: vec!["the rehearsal's loopback".to_owned()],
            from: NetworkSet::new([loopback]),
            command: Command::Forced(login::COMMAND.to_owned()),
        },
        accounts,
        hosts: HostSelector { globs: Some(vec!["*".to_owned()]), classes: None },
        reason: "a login that is tried before anything is changed".to_owned(),
        until: None,
        position: Position { line: 0, column: 0 },
    })
}

/// Every file that a change may touch, by its path.
fn texts() -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for directory in [sshd_lines::DIRECTORY, pam_lines::DIRECTORY] {
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            if let Ok(content) = fs::read(entry.path()) {
                found.insert(entry.path().display().to_string(), content);
            }
        }
    }
    found
}

fn tell_changes(before: &BTreeMap<String, Vec<u8>>, after: &BTreeMap<String, Vec<u8>>) {
    let paths: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for path in paths {
        let sign = match (before.get(path), after.get(path)) {
            (None, Some(_)) => '+',
            (Some(_), None) => '-',
            (Some(old), Some(new)) if old != new => '~',
            _ => continue,
        };
        output::data(&format!("change {sign} {}\n", one_line(path)));
    }
}

pub(super) fn one_line(text: &str) -> String {
    output::plain(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}
