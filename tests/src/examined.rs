//! `tom doctor`'s answer, and the host that it finds nothing to complain of.

use serde_json::Value;

use crate::accounts::Account;
use crate::bench::Bench;
use crate::company;
use crate::host::Host;
use crate::release::Release;

/// An enforcing host of the sample company without anything wrong: a break-glass key in the policy, no passwords of
/// governed accounts, a clock that is kept right (a bench has the machine's).
pub fn sound(release: Release) -> Sound {
    let bench = Bench::on(release)
        .account(Account::person("deploy", 2101).locked())
        .account(Account::person("archive", 2102).locked())
        .account(Account::person("nagios", 2103).locked())
        .account(Account::person("beta", 3002))
        .governed(&["deploy", "archive"])
        .file("/usr/local/sbin/backup-job", 0o755, company::BACKUP_JOB)
        .file("/usr/bin/timedatectl", 0o755, "#!/bin/sh\necho yes\n");
    Sound(bench.policy(&policy()))
}

/// A sound host about to be started.
#[must_use = "a host does nothing until it is started"]
pub struct Sound(Bench);

impl Sound {
    /// With another policy.
    pub fn policy(self, text: &str) -> Self {
        Self(self.0.policy(text))
    }

    /// Starts it. It is not enabled before its policy is active, so that nothing is rehearsed: `tom enable` itself takes
    /// a thousand times as long.
    #[must_use]
    pub fn start(self) -> Host {
        let host = self.0.start();
        // What `tom enable` leaves, beside the lines in sshd's and PAM's configuration that every bench has.
        host.write("/var/lib/tom/enabled", 0o640, "mode = \"enforce\"\nsince = \"2026-11-01T10:00:00Z\"\n");
        host
    }
}

/// The same, only observing.
///
/// # Panics
/// If it does not become one.
#[must_use]
pub fn observing(release: Release) -> Host {
    let host = sound(release).start();
    host.run(["sh", "-ec", OBSERVE]).expect_success();
    host
}

/// As `tom enable --observe` leaves a host: no line in sshd's configuration, and PAM's refuse nothing.
const OBSERVE: &str = "rm /etc/ssh/sshd_config.d/10-tom.conf
    sed -i s/enforce/observe/ /var/lib/tom/enabled
    cd /etc/pam.d
    sed -i /pam_tom/d login su sudo sudo-i
    sed -i '/pam_tom/s/\\[.*/[default=ignore] pam_tom.so observe/' common-account common-session*";

/// The policy of these hosts.
#[must_use]
pub fn policy() -> String {
    let policy = company::policy_with("label  = \"red\"", "label  = \"red\"\nbreak-glass = true");
    format!("{policy}\n[[host]]\nmatch = [\"web*.example.net\"]\nclass = \"shared-hosting\"\n")
}

/// What `tom doctor --json` says.
#[derive(Debug)]
pub struct Examined {
    /// Its exit code.
    pub status: Option<i32>,
    /// The whole document.
    pub document: Value,
}

impl Examined {
    /// Asks the host.
    ///
    /// # Panics
    /// If it does not answer with a document.
    #[track_caller]
    pub fn of(host: &Host) -> Self {
        let output = host.run(["tom", "doctor", "--json"]);
        let document = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:#?}"));
        Self { status: output.status, document }
    }

    /// The ids of its findings, without notes.
    #[must_use]
    pub fn ids(&self) -> Vec<&str> {
        self.findings()
            .filter(|finding| finding["severity"] != "note")
            .filter_map(|finding| finding["id"].as_str())
            .collect()
    }

    /// The ids of its findings that are notes.
    #[must_use]
    pub fn notes(&self) -> Vec<&str> {
        self.findings()
            .filter(|finding| finding["severity"] == "note")
            .filter_map(|finding| finding["id"].as_str())
            .collect()
    }

    /// The ids of what it could not check.
    #[must_use]
    pub fn unknown(&self) -> Vec<&str> {
        let all = self.document["unknown"].as_array().expect("a list");
        all.iter().filter_map(|unknown| unknown["id"].as_str()).collect()
    }

    /// Its findings.
    ///
    /// # Panics
    /// If there is no list of them.
    pub fn findings(&self) -> impl Iterator<Item = &Value> {
        self.document["findings"].as_array().expect("a list").iter()
    }
}
