//! A host on which `tom enable` and its like are tried again and again: what decides logins there, kept, put back,
//! and compared.

use std::collections::BTreeMap;
use std::fs;

use crate::command::Output;
use crate::company::{OFFICE, POLICY, anna, without_policy};
use crate::host::Host;
use crate::keys::Key;
use crate::release::Release;

/// Where it stands.
const DIRECTORIES: &str = "etc/pam.d etc/ssh etc/tom var/lib/pam var/lib/tom";
/// Where tom notes how it is set.
const ENABLED: &str = "/var/lib/tom/enabled";

/// The company's policy, which names this host too.
#[must_use]
pub fn listed(policy: &str) -> String {
    format!("{policy}\n[[host]]\nmatch = [\"web*.example.net\"]\nclass = \"shared-hosting\"\n")
}

/// The next policy: one more person, who enters one more account.
#[must_use]
pub fn second_policy() -> String {
    let newer = listed(POLICY).replace("serial   = 2026112301", "serial   = 2026112302");
    format!(
        "{newer}\n[[person]]\nid = \"emil\"\nname = \"Emil Neu\"\nrole = \"administrator\"\nparty = \"operator\"\n
[[key]]\nperson = \"emil\"\nlabel = \"blue\"\npublic = \"TOKEN(emil-blue)\"\nproof = \"fido\"\n
[[grant]]\nid = \"beta-keepers\"\npersons = [\"emil\", \"anna\"]\naccounts = [\"beta\"]\nhosts = [\"*\"]
services = [\"sshd\"]\nfrom = [\"office\"]\n"
    )
}

/// The key that root had before there was tom.
#[must_use]
pub fn old_root() -> Key {
    Key::file("old-root")
}

/// A key that is nobody's.
#[must_use]
pub fn stranger() -> Key {
    Key::token("stranger")
}

/// A host with the candidate policy that is not enabled yet, and never had one: root is entered with [`old_root`].
#[must_use]
pub fn not_enabled(release: Release) -> Host {
    prepared(without_policy(release, "web1.example.net").not_enabled().start())
}

/// The same of a host that was started with something more.
#[must_use]
pub fn prepared(host: Host) -> Host {
    host.write_policy(&listed(POLICY));
    host.authorized_keys("root", &format!("{}\n", old_root().public()));
    host
}

/// Every file that decides logins, with mode, owner and digest: two hosts of which these are the same decide alike.
#[derive(Clone, PartialEq, Eq)]
pub struct Deciding(BTreeMap<String, String>);

impl Deciding {
    /// What it is now.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn on(host: &Host) -> Self {
        let script = format!(
            "cd / && find {DIRECTORIES} ! -type d ! -path var/lib/tom/lock ! -path 'var/lib/tom/rollback/*' -print0 |
             sort -z >/run/bench/deciding
             xargs -0 stat -c '%n|%F %N %a %u:%g' </run/bench/deciding
             find {DIRECTORIES} -type f ! -path var/lib/tom/lock ! -path 'var/lib/tom/rollback/*' -exec sha256sum {{}} +"
        );
        let listed = host.run(["sh", "-c", &script]).expect_success().stdout;
        let mut files = BTreeMap::new();
        for line in listed.lines() {
            if let Some((path, what)) = line.split_once('|') {
                files.insert(format!("/{path}"), what.to_owned());
            } else if let Some((digest, path)) = line.split_once("  ") {
                files.entry(format!("/{path}")).or_insert_with(String::new).push_str(&format!(" {digest}"));
            }
        }
        if let Ok(text) = fs::read_to_string(host.path(ENABLED)) {
            files.insert(ENABLED.to_owned(), text);
        }
        Self(files)
    }

    /// The same without what differs between two runs of one command: moments that are stored.
    #[must_use]
    pub fn but_for_moments(&self) -> Self {
        let mut files = self.0.clone();
        for (path, what) in &mut files {
            if path.ends_with("/resolved") || path == "/var/lib/tom/fallback" {
                "as it was written".clone_into(what);
            }
            if path == ENABLED {
                *what = what.lines().filter(|line| !line.starts_with("since")).collect();
            }
        }
        Self(files)
    }

    /// Takes one file out of the comparison.
    pub fn leave_out(&mut self, path: &str) {
        self.0.remove(path);
    }

    /// Where they differ, for messages.
    #[must_use]
    pub fn differences(&self, other: &Self) -> String {
        let paths: std::collections::BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let differing = paths.into_iter().filter(|path| self.0.get(*path) != other.0.get(*path));
        let line = |path: &String| format!("{path}: {:?} and {:?}\n", self.0.get(path), other.0.get(path));
        differing.map(line).collect()
    }
}

impl std::fmt::Debug for Deciding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} files", self.0.len())
    }
}

/// Keeps all that decides logins under a name.
pub fn keep(host: &Host, name: &str) {
    let script = format!("mkdir -p /root/kept/{name} && cd / && cp -a --parents {DIRECTORIES} /root/kept/{name}/");
    host.run(["sh", "-c", &script]).expect_success();
}

/// Puts it back, and lets sshd read it.
pub fn put_back(host: &Host, name: &str) {
    let script = format!(
        "cd / && for d in {DIRECTORIES}; do rm -rf /$d && cp -a /root/kept/{name}/$d /$d || exit 1; done; rm -rf /run/tom"
    );
    host.run(["sh", "-c", &script]).expect_success();
    reload_sshd(host);
}

/// Lets sshd read its configuration, and waits until it listens again.
pub fn reload_sshd(host: &Host) {
    let script = "pid=$(cat /run/sshd.pid) && rm /run/sshd.pid && kill -HUP $pid
        for i in $(seq 1000); do [ -s /run/sshd.pid ] && exit 0; sleep 0.01; done; exit 1";
    host.run(["sh", "-c", script]).expect_success();
}

/// Does a change wait?
#[must_use]
pub fn waits(host: &Host) -> bool {
    host.path("/var/lib/tom/rollback/pending").exists()
}

/// What happens by itself when the host is started anew: the record is of another start, and the unit that runs before
/// sshd undoes what nobody confirmed.
#[must_use]
pub fn start_anew(host: &Host) -> Output {
    let script = "f=/var/lib/tom/rollback/pending/change
        [ ! -e $f ] || sed -i 's/^boot .*/boot another/' $f
        tom rollback --unconfirmed";
    host.command().timeout(std::time::Duration::from_secs(60)).run(["sh", "-c", script])
}

/// Can root be entered with this key from the office?
#[must_use]
pub fn enters(host: &Host, key: &Key) -> bool {
    let login = host.ssh("root").key(key).from(OFFICE).run("true");
    if !login.allowed() {
        let _ = login.assert_refused();
    }
    login.allowed()
}

/// Confirms what waits, by Anna in a new login.
#[must_use]
pub fn confirm(host: &Host) -> crate::login::Login {
    host.ssh("root").key(&anna()).from(OFFICE).run("tom confirm")
}
