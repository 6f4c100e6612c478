//! What tom asks of the host it runs on.
//!
//! What: trusted files, accounts and groups, sessions, the clock, the journal, the host's own name. Why: the
//! rules in libtom are pure; this is the one shared crate that touches the system. It runs inside
//! sshd and sudo as root, and before login as the user `_tom`. What must never happen here: a
//! panic, a wait, a thread, a byte on standard output or error, a fault that reads as "fine".

pub mod accounts;
pub mod active_policy;
pub mod clock;
pub mod event;
mod ffi;
pub mod host_identity;
pub mod interrupts;
pub mod journal;
mod local_groups;
pub mod loopback;
pub mod sessions;
pub mod trusted_file;

#[cfg(test)]
mod private_mounts;
