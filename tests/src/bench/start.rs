//! The start of a host: its files, its programs, its daemons, in that order.

use std::path::Path;

use super::{ASKPASS, Bench, TOKEN_LIBRARY};
use crate::artefacts::{self, HOOK};
use crate::host::Host;
use crate::journal::Journal;
use crate::keys::token_library;
use crate::machine::Machine;
use crate::namespace::Namespace;
use crate::package::Package;
use crate::sshd::Sshd;
use crate::sshd_config::bench_lines;

const ASKPASS_SCRIPT: &str = "#!/bin/sh
# `none`: ssh says \"touch your token\" and wants no answer.
[ \"${SSH_ASKPASS_PROMPT:-}\" = none ] || printf '%s\\n' \"$BENCH_ANSWER\"
";

impl Bench {
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
