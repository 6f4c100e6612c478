//! A maker of tokens with a chain of its own, honest or lying, for tests alone.
//!
//! Everything follows from the maker's name: the same name gives the same keys and the same bytes,
//! always. A token is a struct with public fields; a sound one comes from `sound`, and a test says
//! what is different about its own: `PivToken { pin: 1, ..PivToken::sound(&maker) }`.
//!
//! The shapes (names, extensions, their order and encodings) are those of Yubico's tokens, as real
//! attestations show them. The names and the keys are not. **It keeps no secret.**

#![allow(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "test-only; a panic here is a failed test"
)]

mod certificate;
pub mod der;
mod fido;
mod key;
mod maker;
mod openpgp;
mod piv;
pub mod ssh;

pub use certificate::{Certificate, Extension, Issuer, Name, arc, damaged, pem};
pub use fido::{FidoToken, SIMULATED_AAGUID};
pub use key::{PrivateKey, SubjectKey};
pub use maker::{FIDO_ROOT, Maker, OPENPGP_ROOT, PIV_ROOT};
pub use openpgp::OpenPgpStatement;
pub use piv::{LeafSigner, PivToken};
