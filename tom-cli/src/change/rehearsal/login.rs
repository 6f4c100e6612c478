//! Logins on the host's own sshd, started for one connection each, from its own loopback.

use super::MACHINE;
use super::inside::{SCRATCH, one_line};
use crate::change::candidate::Candidate;
use crate::change::configuration::Mode;
use crate::change::sshd_lines::{HOOK, SSHD};
use crate::exit::Failure;
use crate::inspection;
use crate::lockout;
use crate::output;
use crate::process::{self, Ran};
use libtom::public_key::KeyType;
use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tom_host::accounts::{self as databases, Account};

const SSH: &str = "/usr/bin/ssh";
const SSH_KEYGEN: &str = "/usr/bin/ssh-keygen";
/// What the machine's key may do: it answers with the account's uid, and with what pam_tom's session phase calls it.
pub(super) const COMMAND: &str = "/usr/bin/id -u; /usr/bin/printenv TOM_MACHINE || true";
/// More accounts are not tried one by one: each login takes a moment.
const MOST_ACCOUNTS: usize = 8;
/// Nor more persons.
const MOST_PERSONS: usize = 32;
const SETPRIV: &str = "/usr/bin/setpriv";
const LONGEST_LOGIN: Duration = Duration::from_secs(45);

/// The keys of a rehearsal: one of the policy's machine, one of nobody's.
#[derive(Debug)]
pub(super) struct Keys {
    /// The public key of the machine.
    pub(super) known: String,
}

impl Keys {
    pub(super) fn make() -> Result<Self, Failure> {
        fs::create_dir_all(SCRATCH).map_err(|error| Failure::not_checked(format!("{SCRATCH}: {error}")))?;
        let made = |name: &str| -> Result<String, Failure> {
            let path = format!("{SCRATCH}/{name}");
            let arguments = ["-q", "-t", "ed25519", "-N", "", "-C", "tom-rehearsal", "-f", &path];
            let ran = process::run(SSH_KEYGEN, arguments, LONGEST_LOGIN);
            let said = ran.map_or_else(|error| error.to_string(), |ran| ran.said());
            fs::read_to_string(format!("{path}.pub"))
                .map_err(|_| Failure::not_checked(format!("{SSH_KEYGEN} made no key: {said}")))
        };
        let known = made("known")?;
        made("stranger")?;
        Ok(Self { known })
    }
}

/// The accounts that persons may enter by SSH here, as far as they exist.
pub(super) fn accounts(candidate: &Candidate) -> Result<Vec<Account>, Failure> {
    let here = candidate.here()?;
    let persons = lockout::who_could_log_in(&here, &candidate.policy, candidate.now);
    let names: BTreeSet<String> = persons.into_iter().flat_map(|person| person.accounts).collect();
    let look_up = |name: String| databases::look_up(&name).map_err(|error| Failure::not_checked(error.to_string()));
    names.into_iter().map(look_up).collect()
}

/// Those of the accounts that let a key in as things are: where nothing shall change, only they can tell.
pub(super) fn open_now(accounts: Vec<Account>, keys: &Keys) -> Result<Vec<Account>, Failure> {
    lay_own_keys(&accounts, keys)?;
    let mut open = Vec::new();
    for account in accounts {
        let login = Login { mode: Mode::Observe, account: &account, key: "known" };
        if login.run()?.is_ok() {
            open.push(account);
        }
    }
    Ok(open)
}

/// While tom observes, sshd goes by the users' own files; this is theirs in the rehearsal.
fn lay_own_keys(accounts: &[Account], keys: &Keys) -> Result<(), Failure> {
    let directory = format!("{SCRATCH}/keys");
    let failed = |error: std::io::Error| Failure::not_checked(format!("{directory}: {error}"));
    fs::create_dir_all(&directory).map_err(failed)?;
    for path in [SCRATCH, &directory] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).map_err(failed)?;
    }
    for account in accounts {
        let line = format!("command=\"{COMMAND}\" {}", keys.known);
        fs::write(format!("{directory}/{}", account.name), line).map_err(failed)?;
    }
    Ok(())
}

/// sshd's command for keys, run as its user: each person's keys must be given to sshd.
pub(crate) fn ask_the_hook(candidate: &Candidate, findings: &mut Vec<String>) -> Result<(), Failure> {
    let here = candidate.here()?;
    let mut asked = 0_usize;
    for person in lockout::who_could_log_in(&here, &candidate.policy, candidate.now) {
        let Some(account) = person.accounts.first() else { continue };
        let number = candidate.policy.persons.iter().position(|other| other.id == person.person);
        let keys: Vec<_> = number.into_iter().flat_map(|number| candidate.policy.keys_of(number)).collect();
        let mut given = false;
        let mut said = String::new();
        for key in keys {
            let blob = libtom::public_key::encode_blob(key.public.blob());
            let name = format!("tom:{}:{}", person.person, key.label);
            let as_reader = ["--reuid=_tom", "--regid=_tom", "--clear-groups", "--", HOOK];
            let arguments = as_reader.into_iter().chain([account.as_str(), key.public.key_type().name(), &blob]);
            let ran = process::run(SETPRIV, arguments, LONGEST_LOGIN)
                .map_err(|error| Failure::not_checked(format!("{SETPRIV}: {error}")))?;
            given |= ran.success() && ran.stdout.trim_end().ends_with(&name);
            if !ran.success() {
                said = format!(": {}", ran.said());
            }
        }
        if !given {
            findings.push(format!(
                "{HOOK}, run as _tom by setpriv, gives sshd no key of '{}' for '{account}'{said}",
                person.person
            ));
        }
        asked = asked.saturating_add(1);
        if asked >= MOST_PERSONS {
            break;
        }
    }
    Ok(())
}

/// sshd must take signatures by some key of each person: the key of the rehearsal is of a kind that it is told to take, and
/// says nothing of theirs.
pub(super) fn ask_for_algorithms(candidate: &Candidate, findings: &mut Vec<String>) -> Result<(), Failure> {
    let here = candidate.here()?;
    for person in lockout::who_could_log_in(&here, &candidate.policy, candidate.now).into_iter().take(MOST_PERSONS) {
        let Some(account) = person.accounts.first() else { continue };
        let accepted = inspection::sshd::accepted_algorithms(account)
            .map_err(|error| Failure::not_checked(format!("which signatures sshd takes is not known: {error}")))?;
        let number = candidate.policy.persons.iter().position(|other| other.id == person.person);
        let mut keys = number.into_iter().flat_map(|number| candidate.policy.keys_of(number));
        let is_accepted = |key: &libtom::policy::Key| {
            let kind = key.public.key_type();
            let own = [kind.name()];
            // RSA keys sign with SHA-2; the key's own name stands for SHA-1 (RFC 8332).
            let algorithms: &[&str] = if kind == KeyType::Rsa { &["rsa-sha2-512", "rsa-sha2-256"] } else { &own };
            algorithms.iter().any(|algorithm| accepted.iter().any(|accepted| accepted == algorithm))
        };
        if !keys.any(is_accepted) {
            findings.push(format!(
                "sshd takes no signature by a key of '{}' for '{account}': see PubkeyAcceptedAlgorithms",
                person.person
            ));
        }
    }
    Ok(())
}

/// A login that must work for each account, and one that must not.
pub(super) fn try_all(
    mode: Mode,
    accounts: &[Account],
    keys: &Keys,
    findings: &mut Vec<String>,
) -> Result<(), Failure> {
    if mode == Mode::Observe {
        lay_own_keys(accounts, keys)?;
    }
    let mut worked = Vec::new();
    for account in accounts.iter().take(MOST_ACCOUNTS) {
        let login = Login { mode, account, key: "known" };
        match login.run()? {
            Ok(Asked::No) if mode == Mode::Enforce => findings.push(format!(
                "a login as '{}' came in whose session PAM did not ask tom about: does /etc/pam.d/sshd include \
                 common-session?",
                account.name
            )),
            Ok(Asked::No | Asked::Yes) => worked.push(account.name.as_str()),
            Err(why) => {
                findings.push(format!("a login as '{}' that the policy allows was refused: {why}", account.name))
            }
        }
        if mode == Mode::Enforce {
            let stranger = Login { key: "stranger", ..login };
            if stranger.run()?.is_ok() {
                findings.push(format!("a key that is nobody's came in as '{}'", account.name));
            }
        }
    }
    if let Some(left) = accounts.len().checked_sub(MOST_ACCOUNTS).filter(|left| *left > 0) {
        output::message(&format!("{left} more accounts were not tried, only the first {MOST_ACCOUNTS}"));
    }
    if accounts.is_empty() && mode == Mode::Enforce {
        findings.push("no account that the policy lets persons enter exists on this host".to_owned());
    }
    if !worked.is_empty() {
        let also = if mode == Mode::Enforce { ", and a key that is nobody's did not" } else { "" };
        output::data(&format!("passed a real login came in as {}{also}\n", one_line(&worked.join(", "))));
    }
    Ok(())
}

/// Did PAM ask tom about the session of a login that came in?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Yes,
    No,
}

/// One login.
#[derive(Clone, Copy)]
struct Login<'a> {
    mode: Mode,
    account: &'a Account,
    key: &'static str,
}

impl Login<'_> {
    /// Whether it came in; else why not, as far as sshd says.
    fn run(&self) -> Result<Result<Asked, String>, Failure> {
        let failed = |what: &str, error: std::io::Error| Failure::not_checked(format!("{what}: {error}"));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| failed("loopback", error))?;
        let port = listener.local_addr().map_err(|error| failed("loopback", error))?.port();
        listener.set_nonblocking(true).map_err(|error| failed("loopback", error))?;
        let mut client = process::command(SSH);
        client.args(["-F", "/dev/null", "-n", "-T", "-p", &port.to_string(), "-l", &self.account.name]);
        client.args(["-i", &format!("{SCRATCH}/{}", self.key)]);
        for option in [
            "BatchMode=yes",
            "IdentitiesOnly=yes",
            "IdentityAgent=none",
            "StrictHostKeyChecking=no",
            "UserKnownHostsFile=/dev/null",
            "GlobalKnownHostsFile=/dev/null",
            "LogLevel=ERROR",
            "ConnectTimeout=20",
        ] {
            client.args(["-o", option]);
        }
        client.args(["127.0.0.1", COMMAND]);
        let waiting = std::thread::Builder::new()
            .spawn(move || process::finish(client, LONGEST_LOGIN))
            .map_err(|error| failed(SSH, error))?;
        let log = Path::new(SCRATCH).join("sshd.log");
        let served = self.serve(&listener, &log, || waiting.is_finished());
        served.map_err(|error| failed(SSHD, error))?;
        let ran: Ran = waiting
            .join()
            .map_err(|_| Failure::not_checked("the rehearsal's client failed"))?
            .map_err(|error| failed(SSH, error))?;
        let said: Vec<&str> = ran.stdout.lines().map(str::trim).collect();
        let uid = self.account.uid.to_string();
        match said.as_slice() {
            [first, second] if *first == uid && *second == MACHINE => return Ok(Ok(Asked::Yes)),
            [first, ..] if *first == uid => return Ok(Ok(Asked::No)),
            _ => {}
        }
        Ok(Err(why(&log, &ran)))
    }

    /// sshd for one connection (sshd(8), -i), with the host's configuration.
    fn serve(&self, listener: &TcpListener, log: &Path, client_ended: impl Fn() -> bool) -> std::io::Result<()> {
        let started = Instant::now();
        let _ = fs::remove_file(log);
        let stream = loop {
            let has_ended = client_ended();
            match listener.accept() {
                Ok((stream, _)) => break stream,
                // What it says is told.
                Err(_) if has_ended => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock && started.elapsed() < LONGEST_LOGIN => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) => return Err(error),
            }
        };
        stream.set_nonblocking(false)?;
        // What a shell of the account starts on its way (~/.bashrc) gains nothing by a policy that is only tried: no
        // setuid program makes anybody root in here.
        let mut sshd = process::command(SETPRIV);
        sshd.args(["--no-new-privs", "--", SSHD, "-i", "-E"]).arg(log);
        // What it says more is read by nobody else; the key is an ordinary one, which the host may not take otherwise.
        sshd.args(["-o", "LogLevel=VERBOSE", "-o", "PubkeyAcceptedAlgorithms=+ssh-ed25519"]);
        if self.mode == Mode::Observe {
            sshd.args(["-o", &format!("AuthorizedKeysFile={SCRATCH}/keys/%u"), "-o", "StrictModes=no"]);
        }
        sshd.stdin(Stdio::from(OwnedFd::from(stream.try_clone()?))).stdout(Stdio::from(OwnedFd::from(stream)));
        let mut child = sshd.stderr(Stdio::null()).process_group(0).spawn()?;
        let ended = process::wait(&mut child, LONGEST_LOGIN);
        if ended.is_err() {
            process::end(&mut child);
        }
        ended.map(drop)
    }
}

/// The lines of sshd's log that say most, and what the client said.
fn why(log: &Path, ran: &Ran) -> String {
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let is_telling = |line: &&str| {
        ["denied", "refused", "failed", "error", "not allowed", "Unsafe", "fatal", "Bad", "must", "nologin", "shell"]
            .iter()
            .any(|word| line.contains(word))
    };
    let mut telling: Vec<&str> = text.lines().filter(is_telling).collect();
    if telling.is_empty() {
        telling = text.lines().collect();
    }
    let skip = telling.len().saturating_sub(3);
    let mut lines: Vec<String> = telling.split_off(skip).into_iter().map(one_line).collect();
    lines.push(format!("the client said: {}", one_line(&ran.said())));
    lines.join("; ")
}
