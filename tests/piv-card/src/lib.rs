//! A PIV card in software, for tests alone: a YubiKey behind the virtual reader of vsmartcard.
//!
//! pcscd and everything above it is real, so a test sees what a user's programs see. [`Card`] says what the token is
//! and how it lies, [`Token`] answers commands, [`serve`] is its wire to the reader, and [`mod@bench`] starts a pcscd that
//! the machine's own never hears of:
//!
//! ```no_run
//! use simulated_piv_card::{Card, bench::Pcscd};
//!
//! let pcscd = Pcscd::start();
//! let inserted = pcscd.insert(Card::new(11_223_344).with_key(0x9a));
//! let listed = pcscd.command("pkcs11-tool").args(["--module", "opensc-pkcs11.so", "-O"]).output();
//! assert_eq!(inserted.log().count("verify wrong"), 0);
//! ```
//!
//! **It keeps no secret**: keys follow from the serial number.

mod apdu;
mod attest;
pub mod bench;
mod card;
mod keys;
mod lies;
mod log;
mod management;
mod memory;
mod objects;
mod piv;
mod reader;
mod tlv;
mod token;

pub use card::{Card, FACTORY_PIN, FACTORY_PUK, Firmware, FirstKey};
pub use keys::{PinPolicy, TouchPolicy};
pub use lies::Lie;
pub use log::Log;
pub use management::{Cipher, ManagementKey};
pub use reader::{End, serve};
pub use token::{ATR, Response, Token};
