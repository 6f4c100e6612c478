//! Faults: what is done to a host's files and programs, and the questions whose answers may not become
//! an allow by it.

use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::time::Duration;

use crate::accounts::Account;
use crate::artefacts;
use crate::bench::Bench;
use crate::command::{HostCommand, Output};
use crate::host::Host;
use crate::keys::Key;
use crate::pam_stack::PROFILE;
use crate::release::Release;

mod damage;
mod strace;

pub use damage::Damage;
pub use strace::{Injected, Step, Traced};

/// An address that the grants of [`POLICY`] name.
pub const OFFICE: &str = "203.0.113.5";
/// One that nothing names.
pub const ELSEWHERE: &str = "203.0.113.200";

/// Anna has a token and a break-glass token; Bert's break-glass token is lost and revoked.
pub const POLICY: &str = r#"
schema   = 1
serial   = 2026112301
operator = "Example Hosting GmbH"
[token]
assurance = "declared"
[networks]
office = ["203.0.113.0/28"]
[[person]]
id = "anna"
name = "Anna Beispiel"
role = "managing director"
party = "operator"
[[person]]
id = "bert"
name = "Bert Muster"
role = "administrator"
party = "operator"
[[key]]
person = "anna"
label  = "blue"
public = "TOKEN(anna-blue)"
proof  = "fido"
[[key]]
person = "anna"
label  = "safe"
public = "TOKEN(anna-safe)"
proof  = "fido"
break-glass = true
[[key]]
person = "bert"
label  = "lost"
public = "TOKEN(bert-lost)"
proof  = "fido"
break-glass = true
[[grant]]
id       = "operator-admins"
persons  = ["anna", "bert"]
accounts = ["root", "deploy"]
hosts    = ["*"]
services = ["sshd"]
from     = ["office"]
"#;

/// A host with [`POLICY`], Bert's key revoked, `deploy` (granted), `dora` (in sudo, granted nothing)
/// and `acme` (a customer).
pub fn bench(release: Release) -> Bench {
    let revoked = format!("# lost on 2026-11-20\n{} bert:lost\n", Key::token("bert-lost").public());
    Bench::on(release)
        .account(Account::person("dora", 2004).in_group("sudo"))
        .account(Account::person("deploy", 2101))
        .governed(&["deploy"])
        .policy(POLICY)
        .file("/var/lib/tom/revoked", 0o640, revoked)
}

/// Starts it, and gives the list of revoked keys to its readers.
///
/// # Panics
/// If it can't.
#[must_use]
pub fn start(bench: Bench) -> Host {
    let host = bench.start();
    let gid = host.primary_group_of("_tom").parse().expect("a number");
    chown(host.path("/var/lib/tom/revoked"), Some(0), Some(gid)).expect("its owner");
    host.run(["cp", "-a", "/var/lib/tom", "/root/tom.sound"]).expect_success();
    host
}

/// Puts tom's state back as [`start`] left it, and the directories above it.
pub fn repair(host: &Host) {
    let script = "rm -rf /var/lib/tom /var/lib/tom.aside; cp -a /root/tom.sound /var/lib/tom
        for d in / /var /var/lib; do chown 0:0 $d; chmod 755 $d; done";
    host.run(["sh", "-c", script]).expect_success();
}

/// A file /etc/pam.d/sshd of pam_tom with the profile's control and behind it a module that lets everybody in.
/// The profile's `module_unknown=ignore` lets a host go on whose pam_tom.so cannot be loaded; where the module
/// is `required`, that is a refusal too.
///
/// # Panics
/// If the profile has no line for it.
#[must_use]
pub fn bare_stack(required: bool) -> String {
    let line = PROFILE.lines().find(|line| line.contains("pam_tom.so")).expect("the profile's line").trim();
    let line = if required { line.replace("module_unknown=ignore ", "") } else { line.to_owned() };
    format!("account {line}\naccount required pam_permit.so\nsession {line}\nsession required pam_permit.so\n")
}

/// Whether the long form of the tests is asked for (`make campaign`).
#[must_use]
pub fn is_campaign() -> bool {
    std::env::var("TOM_CAMPAIGN").as_deref() == Ok("1")
}

/// The path of a built program, for tests that need no host.
#[must_use]
pub fn artefact(path: &str) -> PathBuf {
    artefacts::dist().join(path.trim_start_matches('/'))
}

/// Numbers that follow from a seed (SplitMix64). The seed is printed; `TOM_SEED` sets it.
pub struct Random(u64);

impl Random {
    /// From `TOM_SEED`, else from a fixed number.
    #[must_use]
    pub fn seeded() -> Self {
        let seed = std::env::var("TOM_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_123);
        eprintln!("TOM_SEED={seed}");
        Self(seed)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(bound).expect("it fits")).expect("it fits")
    }
}

/// Which program answers a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// tom-authorized-keys, as `_tom`.
    Hook,
    /// pam_tom's account phase for sshd, by pamtester as root.
    Account,
    /// pam_tom's session phase for sshd, by pamtester as root.
    Session,
}

/// A question, and who must be let in under the sound policy and by break-glass.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which program answers it.
    pub asked: Asked,
    account: &'static str,
    key: &'static str,
    from: &'static str,
    /// The sound policy allows it (or has no say in it).
    pub sound: bool,
    /// So does break-glass.
    pub break_glass: bool,
}

/// Every kind of question that [`bench()`] answers.
#[must_use]
pub fn questions() -> Vec<Question> {
    use Asked::{Account, Hook, Session};
    let question =
        |asked, account, key, from, sound, break_glass| Question { asked, account, key, from, sound, break_glass };
    vec![
        question(Hook, "root", "anna-blue", OFFICE, true, false),
        question(Hook, "root", "anna-safe", OFFICE, true, true),
        question(Hook, "root", "bert-lost", OFFICE, false, false),
        question(Hook, "root", "stranger", OFFICE, false, false),
        question(Hook, "dora", "anna-blue", OFFICE, false, false),
        question(Account, "root", "", OFFICE, true, true),
        question(Account, "root", "", ELSEWHERE, false, false),
        question(Account, "dora", "", OFFICE, false, false),
        question(Account, "acme", "", ELSEWHERE, true, true),
        question(Session, "root", "anna-blue", OFFICE, true, false),
        question(Session, "root", "anna-safe", OFFICE, true, true),
        question(Session, "root", "anna-safe", ELSEWHERE, false, false),
        question(Session, "root", "bert-lost", OFFICE, false, false),
        question(Session, "root", "stranger", OFFICE, false, false),
        question(Session, "dora", "anna-safe", OFFICE, false, false),
        question(Hook, "deploy", "stranger", OFFICE, false, false),
        question(Account, "deploy", "", ELSEWHERE, false, false),
        question(Session, "deploy", "stranger", OFFICE, false, false),
        question(Session, "acme", "stranger", ELSEWHERE, true, true),
    ]
}

impl Question {
    /// In a sentence.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{:?} of {} with '{}' from {}", self.asked, self.account, self.key, self.from)
    }

    /// Is it about this key?
    #[must_use]
    pub fn is_about(&self, key: &str) -> bool {
        self.key == key
    }

    /// Is it about entering this account?
    #[must_use]
    pub fn enters(&self, account: &str) -> bool {
        self.account == account
    }

    /// Is it about an ordinary user?
    #[must_use]
    pub fn is_ordinary(&self) -> bool {
        self.account == "acme"
    }

    /// The program and its arguments.
    #[must_use]
    pub fn command(&self) -> Vec<String> {
        let key = Key::token(self.key);
        if self.asked == Asked::Hook {
            let mut command = vec![artefacts::HOOK.to_owned(), self.account.to_owned()];
            command.extend(key.public().split(' ').map(str::to_owned));
            return command;
        }
        let mut command = vec!["pamtester".to_owned(), "-v".to_owned(), format!("-Irhost={}", self.from)];
        command.push(format!("-ESSH_CONNECTION={} 40000 192.0.2.1 22", self.from));
        if self.asked == Asked::Session {
            command.push(format!("-ESSH_AUTH_INFO_0=publickey {}\n", key.public()));
        }
        let phase = if self.asked == Asked::Session { "open_session" } else { "acct_mgmt" };
        command.extend(["sshd", self.account, phase].map(str::to_owned));
        command
    }

    /// Asks it, with `before` (`["prlimit", …]`) in front of the program.
    #[must_use]
    pub fn ask_under(&self, host: &Host, before: &[&str]) -> Output {
        let command = host.command().timeout(Duration::from_secs(5));
        let command: HostCommand<'_> =
            if self.asked == Asked::Hook { command.as_user("_tom") } else { command.env("XDG_RUNTIME_DIR", "/run") };
        command.run(before.iter().map(|word| (*word).to_owned()).chain(self.command()))
    }

    /// Asks it, and again if the answer takes more than a second: a busy machine is slow once, a
    /// program that waits is slow each time.
    ///
    /// # Panics
    /// If the second answer takes more than a second too.
    #[must_use]
    #[track_caller]
    pub fn ask(&self, host: &Host) -> Output {
        let output = self.ask_under(host, &[]);
        if output.duration < Duration::from_secs(1) {
            return output;
        }
        let again = self.ask_under(host, &[]);
        assert!(again.duration < Duration::from_secs(1), "{} hangs: {again:#?}", self.name());
        again
    }

    /// Whether this answer lets somebody in: of the hook a line and success, of PAM success.
    #[must_use]
    pub fn is_allow(&self, output: &Output) -> bool {
        output.success() && (self.asked != Asked::Hook || !output.stdout.is_empty())
    }
}
