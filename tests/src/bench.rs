//! What a host shall have, and its start.

use std::path::Path;

use crate::accounts::Account;
use crate::artefacts::{self, HOOK};
use crate::host::Host;
use crate::journal::Journal;
use crate::keys::token_library;
use crate::machine::Machine;
use crate::namespace::Namespace;
use crate::package::Package;
use crate::pam_stack::PamLayers;
use crate::policy_text;
use crate::release::Release;
use crate::sshd::Sshd;
use crate::sshd_config::{KEYS_INSTEAD, SshdLayers, bench_lines};

/// Where the client finds the token. Below /usr/local/lib, where ssh-agent accepts providers.
pub const TOKEN_LIBRARY: &str = "/usr/local/lib/tom-bench/libsimulated_security_key.so";
/// What ssh asks for PINs and passwords.
pub const ASKPASS: &str = "/usr/local/lib/tom-bench/askpass";
const ASKPASS_SCRIPT: &str = "#!/bin/sh
# `none`: ssh says \"touch your token\" and wants no answer.
[ \"${SSH_ASKPASS_PROMPT:-}\" = none ] || printf '%s\\n' \"$BENCH_ANSWER\"
";

/// A host about to be started: `Bench::on(release).policy(POLICY).start()`.
///
/// As it comes: host name web1.example.net; users `_tom`, anna, bert, cora (uids 2001 to 2003) and
/// acme (3001, a customer), the persons with [`crate::PASSWORD`]; tom's built programs, sshd and
/// PAM lines; a journal; sshd on port 22.
#[must_use = "a bench does nothing until it is started"]
pub struct Bench {
    release: Release,
    host_name: String,
    policy: Option<String>,
    accounts: Vec<Account>,
    governed_users: Vec<String>,
    governed_groups: Vec<String>,
    sshd_layers: SshdLayers,
    pam_layers: PamLayers,
    stand_in_hook: Option<String>,
    stand_in_module: Option<String>,
    files: Vec<(String, u32, Vec<u8>)>,
    tom: bool,
    bare: bool,
    packaged: bool,
    journal: bool,
    syslog: bool,
    sshd: bool,
}

impl Bench {
    /// A host of this release.
    pub fn on(release: Release) -> Self {
        let groups = ["root", "sudo", "docker", "lxd", "disk", "libvirt"];
        Self {
            release,
            host_name: "web1.example.net".to_owned(),
            policy: None,
            accounts: vec![
                Account::system("_tom", 990),
                Account::person("anna", 2001),
                Account::person("bert", 2002),
                Account::person("cora", 2003),
                Account::person("acme", 3001),
            ],
            governed_users: vec!["root".to_owned()],
            governed_groups: groups.map(str::to_owned).to_vec(),
            sshd_layers: SshdLayers::all(),
            pam_layers: PamLayers::ALL,
            stand_in_hook: None,
            stand_in_module: None,
            files: Vec::new(),
            tom: true,
            bare: false,
            packaged: std::env::var_os("TOM_BENCH_PACKAGE").is_some_and(|value| value == "1"),
            journal: true,
            syslog: false,
            sshd: true,
        }
    }

    /// The policy, made active by `tom apply --now` before sshd starts. Keys may be written by
    /// name: `"TOKEN(anna-blue)"`, `"ECDSA-TOKEN(…)"`, `"FILE-KEY(…)"`, `"ECDSA-FILE-KEY(…)"` are
    /// the public keys of [`crate::Key::token`] and so on.
    pub fn policy(mut self, text: &str) -> Self {
        self.policy = Some(policy_text::with_keys(text));
        self
    }

    /// The host's name; web1.example.net if not given.
    pub fn host_name(mut self, name: &str) -> Self {
        name.clone_into(&mut self.host_name);
        self
    }

    /// One more account.
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// Governs these accounts in sshd's configuration, beside root and the admin groups. (The
    /// policy says who is governed; `tom enable` will write its names here.)
    pub fn governed(mut self, users: &[&str]) -> Self {
        self.governed_users.extend(users.iter().map(|user| (*user).to_owned()));
        self
    }

    /// Governs these groups in sshd's configuration, beside the built-in ones.
    pub fn governed_groups(mut self, groups: &[&str]) -> Self {
        self.governed_groups.extend(groups.iter().map(|group| (*group).to_owned()));
        self
    }

    /// Takes tom-authorized-keys away: this account's keys are then in a file with these lines.
    pub fn without_hook(mut self, account: &str, lines: &str) -> Self {
        self.sshd_layers.hook = false;
        self.file(&format!("{KEYS_INSTEAD}/{account}"), 0o644, policy_text::with_keys(lines))
    }

    /// Takes `PubkeyAuthOptions verify-required` away.
    pub fn without_pin_option(mut self) -> Self {
        self.sshd_layers.pin_option = false;
        self
    }

    /// Takes pam_tom's auth lines away (login, su, sudo).
    pub fn without_pam_auth(mut self) -> Self {
        self.pam_layers.auth = false;
        self
    }

    /// Takes pam_tom's account lines away.
    pub fn without_pam_account(mut self) -> Self {
        self.pam_layers.account = false;
        self
    }

    /// Takes pam_tom's session lines away.
    pub fn without_pam_session(mut self) -> Self {
        self.pam_layers.session = false;
        self
    }

    /// Puts this script in the place of tom-authorized-keys and leaves all else of tom out, its
    /// PAM lines too: for tests of the bench, and of what sshd does with a line.
    pub fn stand_in_hook(mut self, script: &str) -> Self {
        self.stand_in_hook = Some(script.to_owned());
        self.tom = false;
        self
    }

    /// Puts a module of the distribution (`pam_deny.so`) in the place of pam_tom.so, with tom's
    /// PAM lines, and leaves all else of tom out.
    pub fn stand_in_module(mut self, module: &str) -> Self {
        self.stand_in_module = Some(module.to_owned());
        self.tom = false;
        self
    }

    /// No part of tom: the host before it was installed, for comparison. Keys are where users have
    /// them.
    pub fn without_tom(mut self) -> Self {
        self.tom = false;
        self.bare = true;
        self
    }

    /// tom from the built Debian package, installed by dpkg, and nothing enabled by that: no line of
    /// tom's in sshd or PAM.
    pub fn packaged(mut self) -> Self {
        self.packaged = true;
        self.tom = false;
        self
    }

    /// tom from the built Debian package, and the host enabled: tom's lines in sshd and PAM, and the
    /// file that says so. With `TOM_BENCH_PACKAGE=1` in the environment every host gets its programs
    /// from the package.
    pub fn packaged_and_enabled(mut self) -> Self {
        self.packaged = true;
        self.file("/var/lib/tom/enabled", 0o640, "mode = \"enforce\"\nsince = \"2026-11-25T12:00:00Z\"\n")
    }

    /// A file of root's, written before anything starts.
    pub fn file(mut self, path: &str, mode: u32, bytes: impl Into<Vec<u8>>) -> Self {
        self.files.push((path.to_owned(), mode, bytes.into()));
        self
    }

    /// One more file in sshd_config.d. The name decides who wins: tom's is `10-tom.conf`, and the
    /// first value counts.
    pub fn sshd_drop_in(self, name: &str, text: &str) -> Self {
        self.file(&format!("/etc/ssh/sshd_config.d/{name}"), 0o644, text)
    }

    /// Another clock: the host's programs start at this moment (`1979-12-31 23:00:00`, UTC), by a
    /// library preloaded into all of them. It stands between programs and the C library; a
    /// program that asks the kernel for the time by itself sees the true one.
    pub fn clock(self, moment: &str) -> Self {
        let library = "/usr/$LIB/faketime/libfaketime.so.1\n";
        self.file("/etc/faketimerc", 0o644, format!("@{moment}\n")).file("/etc/ld.so.preload", 0o644, library)
    }

    /// No journal to tell anything.
    pub fn without_journal(mut self) -> Self {
        self.journal = false;
        self
    }

    /// A syslog socket at /dev/log, read by [`Host::syslog`].
    pub fn with_syslog(mut self) -> Self {
        self.syslog = true;
        self
    }

    /// No sshd: for tests of programs alone.
    pub fn without_sshd(mut self) -> Self {
        self.sshd = false;
        self
    }

    /// Starts the host.
    ///
    /// # Panics
    /// If it can't be, or if `tom apply` refuses the policy.
    #[must_use]
    pub fn start(self) -> Host {
        let namespace = Namespace::enter(self.release, &self.host_name);
        let journal_socket = namespace.path("/run/systemd/journal/socket");
        let journal = self.journal.then(|| Journal::at(&journal_socket));
        let syslog = self.syslog.then(|| Journal::at(&namespace.path("/dev/log")));
        self.install(&namespace.path("/"));
        let mut host = Host::new(self.release, namespace, journal, syslog);
        if self.wants_package() {
            host.dpkg_file("--install", &Package::built()).expect_success();
        }
        self.configure(&host.path("/"));
        if let Some(policy) = &self.policy {
            host.write_policy(policy);
            host.run(["tom", "apply", "--now"]).expect_success();
        }
        if self.sshd {
            let sshd = Sshd::start(host.namespace());
            host.set_sshd(sshd);
        }
        host
    }

    /// Boots it as a machine of its own, with systemd and systemd's sshd and journal.
    ///
    /// # Panics
    /// If it can't be, or if `tom apply` refuses the policy.
    #[must_use]
    pub fn boot(self) -> Machine {
        let mut machine = Machine::off(self.release, &self.host_name);
        self.install(&machine.root());
        if !self.wants_package() {
            self.configure(&machine.root());
        }
        machine.boot();
        if self.wants_package() {
            machine.dpkg_file("--install", &Package::built()).expect_success();
            self.configure(&machine.path("/"));
            machine.systemctl(&["reload", "ssh"]).expect_success();
        }
        if let Some(policy) = &self.policy {
            machine.write_policy(policy);
            machine.run(["tom", "apply", "--now"]).expect_success();
        }
        machine
    }

    /// Whether tom's programs come by dpkg. A host without them, or with something else in their
    /// place, is what its test asks for.
    fn wants_package(&self) -> bool {
        let stand_in = self.stand_in_hook.is_some() || self.stand_in_module.is_some();
        self.packaged && !stand_in && !self.bare
    }

    /// Writes accounts and programs.
    fn install(&self, root: &Path) {
        for account in &self.accounts {
            // The package makes its own user.
            if !(self.wants_package() && account.name() == "_tom") {
                account.add_to(root);
            }
        }
        // Message of the day: sshd hands it to the client also when PAM refuses the session, and
        // tests want to see that such a login writes nothing.
        for file in ["etc/motd", "etc/update-motd.d/10-uname"] {
            let _ = std::fs::remove_file(root.join(file));
        }
        let token = std::fs::read(token_library()).expect("the simulated token");
        artefacts::install(root, TOKEN_LIBRARY, &token, 0o644);
        artefacts::install(root, ASKPASS, ASKPASS_SCRIPT.as_bytes(), 0o755);

        if self.tom && !self.wants_package() {
            artefacts::install_built(root);
        }
    }

    /// Writes what decides logins, and what a test adds.
    fn configure(&self, root: &Path) {
        if let Some(script) = &self.stand_in_hook {
            artefacts::install(root, HOOK, script.as_bytes(), 0o755);
        }
        let drop_ins = "/etc/ssh/sshd_config.d";
        if self.tom || self.stand_in_hook.is_some() {
            let text = self.sshd_layers.drop_in(&self.governed_users, &self.governed_groups);
            artefacts::install(root, &format!("{drop_ins}/10-tom.conf"), text.as_bytes(), 0o644);
        }
        let lines = bench_lines(self.release);
        artefacts::install(root, &format!("{drop_ins}/00-bench.conf"), lines.as_bytes(), 0o644);
        if let Some(module) = &self.stand_in_module {
            artefacts::install_stand_in_module(root, module);
        }
        if self.tom || self.stand_in_module.is_some() {
            self.pam_layers.write(root);
        }
        for (path, mode, bytes) in &self.files {
            artefacts::install(root, path, bytes, *mode);
        }
    }
}
