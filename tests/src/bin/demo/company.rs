//! The hosts of the sample company, each with the policy of examples/policy.toml.

use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};
use tom_tests::{Bench, Host, Key, Release};

const POLICY: &str = include_str!("../../../../examples/policy.toml");

pub(crate) const OFFICE: &str = "203.0.113.5";
pub(crate) const OFFICE_V6: &str = "2001:db8:10::5";
pub(crate) const HOME_OF_ANNA: &str = "198.51.100.7";
pub(crate) const ELSEWHERE: &str = "198.51.100.99";
pub(crate) const BACKUP_SERVER: &str = "203.0.113.77";
pub(crate) const OFFICE_OF_ACME: &str = "192.0.2.130";

/// What the backup's key may run. It stands in for rrsync, and tells what it was called with.
pub(crate) const RRSYNC_SAYS: &str = "rrsync -ro /\n";
const RRSYNC: &str = "#!/bin/sh\necho \"rrsync $*\"\n";

/// How long the policy of the one host lasts: until all hosts are up and the other sections done.
const LASTING: Duration = Duration::from_secs(8);

/// The sample company on hosts of one Debian release.
pub(crate) struct Company {
    pub(crate) release: Release,
    /// What its sshd calls itself.
    pub(crate) sshd: String,
    hosts: Vec<(&'static str, Host)>,
    expiry: SystemTime,
}

impl Company {
    /// Starts its hosts.
    pub(crate) fn start(release: Release) -> Self {
        let policy = with_keys(POLICY);
        let mut hosts: Vec<(&'static str, Host)> =
            ["web1", "root7", "root8"].into_iter().map(|name| (name, start_host(release, name, &policy))).collect();
        let expiry = SystemTime::now() + LASTING;
        hosts.push(("web2", start_host(release, "web2", &expiring(&policy, expiry))));
        let web = &hosts[0].1;
        // A key of root's in the place where keys used to be.
        web.authorized_keys("root", Key::file("anna-laptop").public());
        let version = web.run(["ssh", "-V"]).expect_success().stderr;
        let sshd = version.split([',', ' ']).next().unwrap_or_default().replace('_', " ");
        Self { release, sshd, hosts, expiry }
    }

    /// A host by its short name.
    pub(crate) fn host(&self, name: &str) -> &Host {
        let found = self.hosts.iter().find(|(known, _)| *known == name);
        &found.unwrap_or_else(|| panic!("no host {name}")).1
    }

    /// Waits until the policy of web2 has expired.
    pub(crate) fn wait_for_expiry(&self) {
        // `expires` is a whole second, at or before this moment.
        thread::sleep(self.expiry.duration_since(SystemTime::now()).unwrap_or_default());
    }
}

fn start_host(release: Release, name: &str, policy: &str) -> Host {
    let host = Bench::on(release)
        .host_name(&format!("{name}.example.net"))
        .policy(policy)
        .file("/usr/bin/rrsync", 0o755, RRSYNC)
        .start();
    host.authorized_keys("acme", Key::file("acme-deploy").public());
    host
}

/// What stands before a key's name in angle brackets, and what makes the key.
type Placeholder = (&'static str, fn(&str) -> Key);

/// The model policy with the public keys that its angle brackets stand for.
fn with_keys(text: &str) -> String {
    let kinds: [Placeholder; 3] = [
        ("\"sk-ssh-ed25519@openssh.com <", Key::token),
        ("\"sk-ecdsa-sha2-nistp256@openssh.com <", Key::ecdsa_token),
        ("\"ssh-ed25519 <", Key::file),
    ];
    let mut text = text.to_owned();
    for (opening, make) in kinds {
        while let Some(start) = text.find(opening) {
            let name = start + opening.len();
            let end = name + text[name..].find(">\"").expect("a key's name ends with >\"");
            let key = make(&text[name..end]);
            text.replace_range(start + 1..=end, key.public());
        }
    }
    text
}

/// The same policy with an end.
fn expiring(policy: &str, end: SystemTime) -> String {
    let seconds = end.duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970").as_secs();
    let date = Command::new("date").args(["-u", "+%FT%TZ", "-d", &format!("@{seconds}")]).output().expect("date");
    let moment = String::from_utf8_lossy(&date.stdout).trim().to_owned();
    let mut lines: Vec<String> = policy.lines().map(str::to_owned).collect();
    let line = lines.iter_mut().find(|line| line.starts_with("# expires = "));
    *line.expect("the model has such a line") = format!("expires = {moment}");
    lines.join("\n") + "\n"
}
