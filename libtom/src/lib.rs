//! Who may log in.
//!
//! The rules of tom, and nothing else: bytes and values go in, decisions come out. This crate has
//! no file, clock, environment, network or user database, and is `no_std` so that the compiler
//! keeps it that way; what a program found out about its host enters as arguments.
//!
//! * [`policy`]: the operator's text becomes a [`policy::Policy`], or the list of everything that is
//!   wrong with it.
//! * [`host_policy`]: the part of a policy that counts on one host, indexed; what logins are decided by.
//! * [`decision`]: [`decision::decide`] answers one request, and [`decision::explain`] says why.
//! * [`proof`]: what the maker of a token attested of a key becomes what is proven, and what is not.
//! * [`keyline`]: an allowed offer becomes the one `authorized_keys` line that sshd gets.
//! * [`ssh_signature`]: what `ssh-keygen -Y sign` and a security key made, verified.
//!
//! What must never happen here: an error that becomes an allow, a panic on any input, an allow made
//! anywhere but in `decision/rules.rs`.
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails, which is what it should do")
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod decision;
pub mod expectation;
pub mod glob;
pub mod host_policy;
pub mod keyline;
pub mod moment;
pub mod network;
pub mod policy;
pub mod proof;
pub mod public_key;
pub mod ssh_signature;
mod ssh_wire;
