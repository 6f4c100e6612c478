//! What evidence says of a token, and why it does not count.

use super::certificate::Damage;
use super::trust::AnchorDigest;
use crate::policy::Firmware;
use alloc::string::String;
use core::fmt;
use minicbor::{Decode, Encode};

/// What the maker of a token attests. What is nothing here is not said by the attestation.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Facts {
    /// In which form it was attested.
    #[n(0)]
    pub form: Form,
    /// The maker, as the trust anchor names it.
    #[n(1)]
    pub vendor: String,
    /// The model.
    #[n(2)]
    pub model: Option<String>,
    /// The serial number of the token.
    #[n(3)]
    pub serial: Option<u64>,
    /// The firmware.
    #[n(4)]
    pub firmware: Option<Firmware>,
    /// When the token asks for its PIN before it signs with this key.
    #[n(5)]
    pub pin: Option<PinRule>,
    /// When it asks for a touch.
    #[n(6)]
    pub touch: Option<TouchRule>,
    /// Where the key was made.
    #[n(7)]
    pub origin: Option<Origin>,
    /// Is the token a FIPS model?
    #[n(8)]
    pub fips: Option<bool>,
    /// PIV: the slot, such as `9a`.
    #[n(9)]
    pub slot: Option<String>,
}

/// The form of an attestation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Form {
    /// A certificate for a key in a PIV slot.
    #[n(0)]
    Piv,
    /// `ssh-sk-attest-v01`, written by ssh-keygen.
    #[n(1)]
    Fido,
    /// A certificate for an OpenPGP key.
    #[n(2)]
    OpenPgp,
}

impl Form {
    /// The word for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Piv => "piv",
            Self::Fido => "fido",
            Self::OpenPgp => "openpgp",
        }
    }
}

/// When a token asks for its PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum PinRule {
    /// Never.
    #[n(0)]
    Never,
    /// Once, until it is unplugged or reset.
    #[n(1)]
    Once,
    /// Before each signature.
    #[n(2)]
    Always,
    /// A finger instead, once (YubiKey Bio).
    #[n(3)]
    MatchOnce,
    /// A finger instead, before each signature.
    #[n(4)]
    MatchAlways,
}

impl PinRule {
    /// The word for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Once => "once",
            Self::Always => "always",
            Self::MatchOnce => "match-once",
            Self::MatchAlways => "match-always",
        }
    }
}

/// When a token asks for a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum TouchRule {
    /// Never.
    #[n(0)]
    Never,
    /// Before each signature.
    #[n(1)]
    Always,
    /// Before a signature, unless there was one within 15 seconds.
    #[n(2)]
    Cached,
}

impl TouchRule {
    /// The word for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Always => "always",
            Self::Cached => "cached",
        }
    }
}

/// Where a key was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Origin {
    /// On the token, which never gives it out.
    #[n(0)]
    Generated,
    /// Elsewhere; copies may exist.
    #[n(1)]
    Imported,
}

impl Origin {
    /// The word for people and programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Generated => "generated",
            Self::Imported => "imported",
        }
    }
}

/// Which of two files something is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The certificate of the slot, which the token made for the key.
    Slot,
    /// The certificate of the token itself (f9).
    Device,
    /// The certificate within a FIDO attestation.
    Attestation,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Slot => "the slot's certificate",
            Self::Device => "the device's certificate",
            Self::Attestation => "the certificate in the attestation",
        })
    }
}

/// Why evidence is refused: nothing of what it says is believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A certificate that is none.
    #[error("{0} cannot be used: {1}")]
    Certificate(Part, Damage),
    /// Signed by nobody whom tom was told to believe.
    #[error("{0} is not signed by any maker in the trust anchors (issuer: {1})")]
    IssuerUnknown(Part, String),
    /// Signed by itself.
    #[error("{0} is signed by itself, and by no maker")]
    SelfSigned(Part),
    /// The device's certificate did not sign the slot's: of two tokens, or forged.
    #[error("the slot's certificate was not signed by this device: the two files are not of one token")]
    NotOfThisDevice,
    /// A certificate that may not issue others, in the device's place.
    #[error("the device's certificate may not issue certificates: it is that of a slot, or of something else")]
    NotAnIssuer,
    /// Another key than the policy's is attested.
    #[error("it attests another key: this one was not made on the token (imported?), or the files are another key's")]
    OtherKey,
    /// A slot that holds no key of a person.
    #[error("it names no slot for keys: '{0}'")]
    WrongSlot(String),
    /// The rules of PIN and touch are missing, or not in the form that tokens write.
    #[error("{0} lacks what tokens write into it, or has it in another form: {1}")]
    Lacks(Part, &'static str),
    /// Not in the form that ssh-keygen writes.
    #[error("it is no attestation as ssh-keygen writes it: {0}")]
    Form(&'static str),
    /// The form of OpenSSH before 8.4, which cannot be checked.
    #[error("it is of the old form {0}, which lacks what is signed; enrol the key again with OpenSSH 8.4 or newer")]
    OldForm(String),
    /// More certificates than the token's own.
    #[error("it holds more than one certificate; issuers are taken from the trust anchors alone")]
    SeveralCertificates,
    /// The token signed another challenge, or something in it was changed.
    #[error("the token's signature does not hold for this challenge: another challenge, or a changed attestation")]
    ChallengeWrong,
    /// Nothing is in the challenge, so that nothing is fresh.
    #[error("the challenge is empty")]
    ChallengeEmpty,
    /// The challenge names another person or label.
    #[error("the challenge was made for {0}")]
    ChallengeOfAnother(String),
    /// Made for another application.
    #[error("the token made the key for another application than the key says")]
    OtherApplication,
    /// The model in the certificate is not the one that signed.
    #[error("the certificate is that of another model (AAGUID) than the token says to be")]
    OtherModel,
    /// A key that may be copied to other devices.
    #[error("the key may be backed up or synchronised: it does not live in this token alone")]
    Synchronised,
    /// Evidence of the other kind than the key.
    #[error("it does not fit the type of the key: FIDO attestations are for sk-… keys, PIV for the others")]
    WrongKind,
}

impl Refusal {
    /// The reason as a word, for programs.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Certificate(..) => "certificate-damaged",
            Self::IssuerUnknown(..) => "issuer-unknown",
            Self::SelfSigned(_) => "self-signed",
            Self::NotOfThisDevice => "not-of-this-device",
            Self::NotAnIssuer => "not-an-issuer",
            Self::OtherKey => "other-key",
            Self::WrongSlot(_) => "wrong-slot",
            Self::Lacks(..) => "attestation-incomplete",
            Self::Form(_) => "attestation-damaged",
            Self::OldForm(_) => "attestation-old-form",
            Self::SeveralCertificates => "several-certificates",
            Self::ChallengeWrong => "challenge-wrong",
            Self::ChallengeEmpty => "challenge-empty",
            Self::ChallengeOfAnother(_) => "challenge-of-another-key",
            Self::OtherApplication => "other-application",
            Self::OtherModel => "other-model",
            Self::Synchronised => "synchronised",
            Self::WrongKind => "wrong-kind",
        }
    }
}

/// Why genuine evidence does not prove that a PIN protects the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Shortfall {
    /// PIV: the token signs without a PIN.
    #[error("the token never asks for its PIN before it signs with this key (PIN policy never)")]
    PinNever,
    /// PIV: a finger is asked for, and no PIN.
    #[error("the token asks for a finger, not for its PIN")]
    Finger,
    /// FIDO: the token signs without a PIN for whoever asks it to.
    #[error(
        "the token may sign with this key without its PIN (credProtect 3 is missing): make the key with ssh-keygen -O verify-required"
    )]
    NotProtected,
    /// FIDO: nobody entered a PIN when the key was made.
    #[error("no PIN was entered when the key was made (UV is missing)")]
    UserNotVerified,
    /// FIDO: nobody touched the token when the key was made.
    #[error("nobody touched the token when the key was made (UP is missing)")]
    UserNotPresent,
    /// OpenPGP has no PIN policy to attest.
    #[error("an OpenPGP attestation says nothing of the PIN: it proves that the key lives in the token, and no more")]
    OpenPgp,
    /// A key that was made elsewhere.
    #[error("the key was imported: copies may exist outside the token")]
    Imported,
    /// RSA of a chip that made weak keys (ROCA, CVE-2017-15361).
    #[error("RSA keys made on chips before 4.3.5 can be computed from the public key (ROCA)")]
    WeakRsa,
}

impl Shortfall {
    /// The reason as a word, for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PinNever => "pin-never",
            Self::Finger => "finger-instead-of-pin",
            Self::NotProtected => "cred-protect-missing",
            Self::UserNotVerified => "user-not-verified",
            Self::UserNotPresent => "user-not-present",
            Self::OpenPgp => "openpgp-attests-no-pin",
            Self::Imported => "imported",
            Self::WeakRsa => "weak-rsa",
        }
    }
}

/// Genuine evidence: what it says, and what is missing for a proof.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "genuine is not proven: see Attested::is_proven"]
pub struct Attested {
    /// What the maker attests.
    pub facts: Facts,
    /// Why that is no proof of a PIN; nothing for a proof.
    pub shortfall: Option<Shortfall>,
    /// The trust anchor that it rests on.
    pub anchor: AnchorDigest,
}

impl Attested {
    /// Is it proven that the key lives in a token that asks for its PIN?
    #[must_use]
    pub const fn is_proven(&self) -> bool {
        self.shortfall.is_none()
    }
}

/// What no attestation can say, for whoever reads what one says.
#[must_use]
pub const fn not_said(form: Form) -> &'static str {
    match form {
        Form::Piv => "whether PIN and PUK still have their factory values; 'tom enroll piv' refuses them",
        Form::Fido => "how long the PIN is; sshd asks for it at each login (verify-required)",
        Form::OpenPgp => "whether a PIN is asked for at all",
    }
}
