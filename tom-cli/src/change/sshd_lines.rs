//! tom's lines for sshd: the drop-in, and the reload of a running sshd.

use crate::change::configuration::{ConfigurationError, Reload, failed};
use crate::change::file;
use crate::change::left_keys;
use crate::process::{self, Ran};
use libtom::host_policy::HostPolicy;
use rustix::process::Pid;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use tom_host::accounts::Database;

/// sshd's configuration.
pub(crate) const MAIN: &str = "/etc/ssh/sshd_config";
/// What it includes.
pub(crate) const DIRECTORY: &str = "/etc/ssh/sshd_config.d";
/// Written by tom.
pub(crate) const DROP_IN: &str = "/etc/ssh/sshd_config.d/10-tom.conf";
/// The program.
pub(crate) const SSHD: &str = "/usr/sbin/sshd";

/// The text, with `Match @GOVERNED@` for the block that is repeated.
const TEXT: &str = include_str!("../../../packaging/sshd/10-tom.conf");
const MARK: &str = "Match @GOVERNED@";
/// sshd's command for keys.
pub(crate) const HOOK: &str = "/usr/lib/tom/tom-authorized-keys";
const PID_FILE: &str = "/run/sshd.pid";
const SYSTEMCTL: &str = "/usr/bin/systemctl";
/// The names that sshd's unit has.
const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];

/// How often a reloaded sshd is asked, ten times a second.
const RETRIES: u32 = 50;
const SHORT: Duration = Duration::from_secs(10);

/// Whom the drop-in governs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Governed {
    /// Every granted name and every name of uid 0.
    pub(crate) users: Vec<String>,
    /// root's group and the admin groups.
    pub(crate) groups: Vec<String>,
}

impl Governed {
    /// Whom a policy governs on this host.
    pub(crate) fn of(here: &HostPolicy<'_>) -> Result<Self, ConfigurationError> {
        let accounts = Database::read_all()?;
        let mut users: BTreeSet<&str> = here.governed_accounts().iter().copied().collect();
        users.extend(accounts.names_of_uid_0());
        users.insert("root");
        let groups: BTreeSet<&str> = here.admin_groups().collect();
        Ok(Self { users: plain_names("account", users)?, groups: plain_names("group", groups)? })
    }

    /// The drop-in.
    pub(crate) fn drop_in(&self) -> String {
        let (global, block) = TEXT.split_once(MARK).unwrap_or((TEXT, ""));
        let block = block.trim_end();
        let (users, groups) = (self.users.join(","), self.groups.join(","));
        format!("{global}Match User {users}{block}\n\nMatch Group {groups}{block}\n")
    }
}

/// Names that sshd_config(5) takes as they are.
fn plain_names(what: &'static str, names: BTreeSet<&str>) -> Result<Vec<String>, ConfigurationError> {
    let is_special = |c: char| c.is_whitespace() || c.is_control() || "*?!,\"'\\#".contains(c);
    let mut plain = Vec::new();
    for name in names {
        if name.is_empty() || name.contains(is_special) {
            return Err(ConfigurationError::Name { what, name: name.escape_debug().to_string() });
        }
        plain.push(name.to_owned());
    }
    Ok(plain)
}

/// Is there an sshd?
pub(crate) fn is_installed() -> bool {
    process::is_there(SSHD)
}

/// Does the host's configuration of sshd name the hook, whoever wrote that?
pub(crate) fn names_the_hook() -> bool {
    let mut files = vec![MAIN.into()];
    if let Ok(entries) = fs::read_dir(DIRECTORY) {
        files.extend(entries.flatten().map(|entry| entry.path()));
    }
    files.iter().any(|path| fs::read(path).is_ok_and(|text| String::from_utf8_lossy(&text).contains(HOOK)))
}

/// Writes the drop-in and lets sshd read it. Where there is no sshd there is nothing to write.
pub(crate) fn put_in(governed: &Governed, reload: Reload) -> Result<(), ConfigurationError> {
    if !is_installed() {
        return Ok(());
    }
    if !includes_drop_ins() {
        return Err(ConfigurationError::NotIncluded);
    }
    if !Path::new(DIRECTORY).is_dir() {
        return Err(ConfigurationError::NoDirectory);
    }
    let path = Path::new(DROP_IN);
    let text = governed.drop_in();
    if file::read(path).map_err(failed(path, "read"))?.is_some_and(|(before, _)| before == text.as_bytes()) {
        return Ok(());
    }
    file::replace(path, text.as_bytes()).map_err(failed(path, "written"))?;
    self::reload(reload)
}

/// Removes the drop-in and lets sshd know. What an earlier removal left in its place stays: it may be the only way in.
pub(crate) fn take_out(reload: Reload) -> Result<(), ConfigurationError> {
    let path = Path::new(DROP_IN);
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) || left_keys::are_left() {
        return Ok(());
    }
    // What somebody else wrote under this name is theirs. One that cannot be read is taken for ours.
    if let Ok(Some((text, _))) = file::read(path) {
        let text = String::from_utf8_lossy(&text);
        if !text.starts_with("# tom: ") && !text.contains(HOOK) {
            return Ok(());
        }
    }
    file::remove(path).map_err(failed(path, "removed"))?;
    if is_installed() { self::reload(reload) } else { Ok(()) }
}

/// Does sshd_config include the directory at all? What counts in the end is asked of sshd itself.
fn includes_drop_ins() -> bool {
    let text = fs::read(MAIN).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    text.lines().any(|line| {
        let mut words = line.split([' ', '\t', '=']).filter(|word| !word.is_empty());
        words.next().is_some_and(|word| word.eq_ignore_ascii_case("include"))
            && words.any(|word| {
                word.trim_matches('"').starts_with("/etc/ssh/sshd_config.d/") || word.starts_with("sshd_config.d/")
            })
    })
}

/// Lets a running sshd read its configuration anew, if its own check of the syntax passes: never a restart, which would
/// not come back from a fault. Where none runs there is nothing to tell.
pub(crate) fn reload(reload: Reload) -> Result<(), ConfigurationError> {
    if reload == Reload::No {
        return Ok(());
    }
    if systemd_runs() {
        for unit in UNITS {
            let active = process::run(SYSTEMCTL, ["is-active", "--quiet", unit], SHORT);
            if active.is_ok_and(|ran| ran.success()) {
                check_syntax()?;
                return run(SYSTEMCTL, &["reload", unit], Duration::from_secs(60)).map(drop);
            }
        }
    }
    let pid_file = pid_file();
    let Some(pid) = running_daemon(&pid_file) else { return Ok(()) };
    check_syntax()?;
    let before = pid_file.metadata().map(|metadata| (metadata.ino(), metadata.mtime_nsec())).ok();
    rustix::process::kill_process(pid, rustix::process::Signal::HUP)
        .map_err(|errno| failed(&pid_file, "told of the change")(errno.into()))?;
    // It starts itself anew with the same PID, and writes its file again when it listens. Until then it may read its
    // configuration at any moment, which nobody may change under its hands.
    let started = Instant::now();
    while started.elapsed() < SHORT && is_sshd(pid) {
        let now = pid_file.metadata().map(|metadata| (metadata.ino(), metadata.mtime_nsec())).ok();
        if now.is_some() && now != before && running_daemon(&pid_file) == Some(pid) {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(5));
    }
    if is_sshd(pid) {
        return Ok(());
    }
    Err(ConfigurationError::Command { command: "kill -HUP sshd".to_owned(), said: "sshd is gone".to_owned() })
}

/// `sshd -t`.
pub(crate) fn check_syntax() -> Result<(), ConfigurationError> {
    run(SSHD, &["-t"], SHORT).map(drop)
}

/// Where the sshd that no systemd looks after writes its PID.
fn pid_file() -> PathBuf {
    let said = run(SSHD, &["-T"], SHORT).map(|ran| ran.stdout).unwrap_or_default();
    let named = said.lines().find_map(|line| line.strip_prefix("pidfile ")).filter(|path| path.starts_with('/'));
    PathBuf::from(named.unwrap_or(PID_FILE))
}

/// That sshd. The file outlives its process, and the number may be another's by now.
fn running_daemon(pid_file: &Path) -> Option<Pid> {
    let text = fs::read_to_string(pid_file).ok()?;
    let pid = Pid::from_raw(text.trim().parse().ok()?)?;
    is_sshd(pid).then_some(pid)
}

fn is_sshd(pid: Pid) -> bool {
    let name = fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_nonzero()));
    name.is_ok_and(|name| name.trim_end() == "sshd")
}

/// Does an sshd of this host answer, on one of the ports that its configuration names?
pub(crate) fn answers() -> Result<(), ConfigurationError> {
    let said = run(SSHD, &["-T"], SHORT)?.stdout;
    let addresses: Vec<&str> = said.lines().filter_map(|line| line.strip_prefix("listenaddress ")).collect();
    for address in &addresses {
        let address = address.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:");
        let Ok(address) = address.parse() else { continue };
        let banner = TcpStream::connect_timeout(&address, SHORT).and_then(|mut stream| {
            stream.set_read_timeout(Some(SHORT))?;
            let mut banner = [0; 4];
            stream.read_exact(&mut banner).map(|()| banner)
        });
        if banner.is_ok_and(|banner| &banner == b"SSH-") {
            return Ok(());
        }
    }
    Err(ConfigurationError::Command {
        command: "sshd".to_owned(),
        said: format!("none answers on {}", addresses.join(", ")),
    })
}

/// The same after a reload, for which sshd starts itself anew.
pub(crate) fn answers_again() -> Result<(), ConfigurationError> {
    for _ in 0..RETRIES {
        if answers().is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(100));
    }
    answers()
}

/// Is systemd the host's init? (sd_booted(3))
pub(crate) fn systemd_runs() -> bool {
    Path::new("/run/systemd/system").is_dir() && process::is_there(SYSTEMCTL)
}

/// Runs a program that must succeed.
pub(crate) fn run(program: &str, arguments: &[&str], limit: Duration) -> Result<Ran, ConfigurationError> {
    let command = || format!("{program} {}", arguments.join(" "));
    let ran = process::run(program, arguments, limit)
        .map_err(|error| ConfigurationError::Command { command: command(), said: error.to_string() })?;
    if ran.success() {
        return Ok(ran);
    }
    Err(ConfigurationError::Command { command: command(), said: ran.said() })
}

#[cfg(test)]
mod tests {
    use super::{Governed, plain_names};
    use std::collections::BTreeSet;

    #[test]
    fn one_block_by_name_and_one_by_group() {
        let governed = Governed {
            users: vec!["deploy".to_owned(), "root".to_owned()],
            groups: vec!["docker".to_owned(), "sudo".to_owned()],
        };
        let text = governed.drop_in();
        assert!(!text.contains('@'), "{text}");
        let (global, blocks) = text.split_once("Match ").unwrap();
        assert!(global.contains("\nUsePAM yes\n") && global.contains("\nUseDNS no\n"), "{text}");
        let (by_user, by_group) = blocks.split_once("Match ").unwrap();
        assert!(by_user.starts_with("User deploy,root\n") && by_group.starts_with("Group docker,sudo\n"), "{text}");
        for block in [by_user, by_group] {
            for line in ["AuthorizedKeysFile none", "TrustedUserCAKeys none", "PubkeyAuthOptions verify-required"] {
                assert!(block.contains(&format!("    {line}\n")), "{line}: {text}");
            }
        }
    }

    #[test]
    fn a_pattern_is_no_name() {
        for name in ["a*", "a?", "!a", "a,b", "a b", "a\tb", "a\nb", "a\"", "a\\", "#a", ""] {
            assert!(plain_names("account", BTreeSet::from([name])).is_err(), "{name:?}");
        }
        assert_eq!(plain_names("group", BTreeSet::from(["adm-web", "a.b_c$"])).unwrap(), ["a.b_c$", "adm-web"]);
    }
}
