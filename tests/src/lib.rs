//! The test bench: real logins on the distribution's own sshd, PAM and ssh.
//!
//! ```no_run
//! use tom_tests::{Bench, Key, Release};
//!
//! let host = Bench::on(Release::Bookworm).policy("…").start();
//! let anna = Key::token("anna-blue");
//! let login = host.ssh("root").key(&anna).from("203.0.113.5").run("id -un");
//! login.assert_allowed();
//! ```
//!
//! Each bench is a small machine of its own: private mount, network, PID, UTS and IPC namespaces
//! over a Debian root that is made once and never written to. The machine that runs the tests
//! keeps its /etc, its users and its sshd; when the test process ends, however it ends, everything
//! in the bench ends with it.
//!
//! Where to look:
//! * [`Bench`] says what a host has, and starts it; [`Host`] is the running host
//! * [`Key`] makes tokens and other keys; [`SshClient`] logs in with them; [`Login`] is the outcome
//! * [`Journal`] is what the host told its journal
//! * [`on_each_release!`] runs a test on Debian 12 and on Debian 13

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test bench that cannot do its work fails the test, loudly and at that place"
)]
#![allow(
    clippy::arithmetic_side_effects,
    reason = "lengths and times of tests; an overflow panics in the test profile"
)]
#![allow(clippy::print_stderr, reason = "SKIPPED and its reason must be seen")]
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "what deciding code may not use (clock, environment, sleep), a bench has to"
)]

mod accounts;
mod artefacts;
mod bench;
pub mod changes;
mod command;
pub mod company;
mod connection;
pub mod evidence;
pub mod examined;
pub mod faults;
mod host;
mod journal;
mod keys;
mod login;
mod machine;
mod namespace;
mod openssh_format;
mod package;
pub mod packaged;
mod pam_stack;
mod pamtester;
mod policy_text;
mod release;
mod skip;
mod ssh_client;
mod sshd;
mod sshd_config;
mod transfer;

pub use accounts::{Account, PASSWORD};
pub use artefacts::built_program;
pub use bench::{ASKPASS, Bench, TOKEN_LIBRARY};
pub use command::{HostCommand, Output};
pub use connection::Connection;
pub use host::Host;
pub use journal::{Event, Journal};
pub use keys::Key;
pub use login::{Login, Refusal};
pub use machine::Machine;
pub use package::{Files, Package, changed};
pub use pam_stack::{ACCOUNT_LINE, AUTH_LINE, OBSERVE_PROFILE, PROFILE};
pub use pamtester::PamTester;
pub use release::Release;
pub use skip::{obstacle, run_on, skipped};
pub use ssh_client::SshClient;
pub use sshd_config::{DROP_IN, SshdLayers};
