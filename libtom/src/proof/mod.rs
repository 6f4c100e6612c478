//! Proof that a key lives in a PIN-protected token: what the token's maker attested.
//!
//! Pure, and without a panic on any input: bytes of evidence, the policy's key and the trust anchors go in; what is
//! proven comes out, or why not.
//!
//! * [`piv`]: a slot's certificate and the device's
//! * [`fido`]: what ssh-keygen writes when it makes a key
//! * [`Trust`]: the makers' certificates, read from data
//! * [`assess`]: all keys of a policy at once
//!
//! Three answers are told apart: evidence is **refused** ([`Refusal`]: nothing of it is believed), **genuine** but
//! no proof ([`Shortfall`]), or it **proves** a PIN. Certificates are not judged by today's date: they say what was
//! true when the key was made, and a clock must lock nobody out.

mod algorithm;
mod assessment;
mod authenticator_data;
mod certificate;
mod challenge;
mod facts;
pub mod fido;
mod openpgp;
pub mod pem;
pub mod piv;
mod trust;

pub use assessment::{Assessment, Assessments, assess, read_stored, store};
pub use certificate::Damage;
pub use challenge::EnrolmentChallenge;
pub use facts::{Attested, Facts, Form, Origin, Part, PinRule, Refusal, Shortfall, TouchRule, not_said};
pub use trust::{Anchor, AnchorDigest, Trust, TrustFileError, TrustFileProblem, hexadecimal};
