//! A FIDO security key in software: an OpenSSH `SecurityKeyProvider` library.
//!
//! OpenSSH's own `ssh-sk-helper` loads it as it would load the middleware of a real token, so that
//! everything but the hardware is real: the client, the signature on the wire, the server's check
//! of the flags. The private key travels inside the key handle, so the token needs no memory and
//! any number of tokens may be "plugged in" at once.
//!
//! What the token does wrong on purpose is said in environment variables, see [`Behaviour`].
//! **For tests alone**: it keeps no secret.

#![allow(clippy::indexing_slicing, reason = "test-only; a panic here is a failed test, and lengths are checked first")]

mod behaviour;
mod enrolment;
mod ffi;
mod handle;
mod token;

pub use behaviour::{Attestation, Behaviour, PinRule, RIGHT_PIN};
pub use enrolment::{Enrolment, enrol};
pub use handle::{Algorithm, KeyHandle};
pub use token::{Signature, TokenError, USER_PRESENT, USER_VERIFIED, sign};
