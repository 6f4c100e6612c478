//! What a card does wrong on purpose.

use clap::ValueEnum;

/// A way in which a card lies or fails. A card may do several at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lie {
    /// The attestation names another key than the slot has.
    OtherKey,
    /// Attestation and certificate of the token come from another maker than the one named.
    OtherMaker,
    /// The attestation comes from another token of the same maker, the token's certificate is its own.
    OtherToken,
    /// The attestation is signed by the slot's key itself.
    SelfSigned,
    /// Keys are made without PIN, whatever was asked for; the attestation says so.
    PinNever,
    /// Keys ask for no PIN, and the attestation says that they do.
    PinNotAsked,
    /// The attestation is for another slot.
    WrongSlot,
    /// The attestation has another serial number.
    OtherSerial,
    /// ATTEST answers 6A80, as for a key that was imported.
    Imported,
    /// ATTEST is unknown (6D00), as before firmware 4.3.
    NoAttest,
    /// ATTEST answers success and nothing.
    EmptyAttestation,
    /// ATTEST answers what is no certificate.
    GarbageAttestation,
    /// The attestation has a byte too many.
    LongAttestation,
    /// The token's own certificate is missing.
    NoTokenCertificate,
    /// GET VERSION answers one byte.
    ShortVersion,
    /// GET SERIAL answers two bytes.
    ShortSerial,
    /// GET METADATA is unknown, as before firmware 5.3.
    NoMetadata,
    /// GET METADATA says that PIN, PUK and management key are not the factory's.
    HidesDefaults,
    /// There is no PIV application.
    NoPiv,
    /// The PIN is blocked.
    Blocked,
    /// Any PIN is right.
    AnyPin,
    /// Nobody touches the token.
    NotTouched,
    /// The card is pulled right after the first VERIFY with a PIN.
    RemovedAfterVerify,
    /// The card is pulled when a key has been made, before it says which.
    RemovedAfterGenerate,
    /// The card is pulled when it should attest.
    RemovedAtAttest,
    /// The card is pulled when it should sign.
    RemovedAtSign,
    /// The card is pulled when an object is to be written.
    RemovedAtWrite,
}
