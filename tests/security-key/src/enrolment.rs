//! What the token does when it is asked to make a key.

use simulated_token_maker::{FidoToken, Maker, SubjectKey};

use crate::behaviour::Behaviour;
use crate::handle::{Algorithm, KeyHandle};
use crate::token::{TokenError, USER_PRESENT, USER_VERIFIED, verify_user};

/// The flag "a key is attested here" (AT) of the authenticator data.
const ATTESTED: u8 = 0x40;
/// The flag "extensions follow" (ED) of the authenticator data.
const EXTENSIONS: u8 = 0x80;
/// credProtect: no use of the key without the PIN.
const PIN_REQUIRED: u8 = 3;

/// A new key as `sk_enroll` returns it. What is not attested is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// 32 bytes for Ed25519, an uncompressed point for P-256.
    pub public_key: Vec<u8>,
    /// The authenticator data as CBOR byte string, as libfido2 gives it.
    pub auth_data: Vec<u8>,
    /// The signature over the authenticator data and the challenge's hash.
    pub signature: Vec<u8>,
    /// The certificate of the key that made it.
    pub certificate: Vec<u8>,
}

/// Makes and attests the key in `handle`.
///
/// `asked` are the flags of the client: USER_VERIFIED is there with `-O verify-required`, and then
/// alone OpenSSH asks a token for credProtect.
///
/// # Errors
/// As a token refuses: a wrong or missing PIN.
pub fn enrol(
    behaviour: &Behaviour,
    handle: &KeyHandle,
    application: &str,
    challenge: &[u8],
    asked: u8,
    pin: Option<&str>,
) -> Result<Enrolment, TokenError> {
    let verified = verify_user(behaviour, asked, pin)?;
    let public_key = handle.public_key().ok_or(TokenError::General)?;
    let how = &behaviour.attestation;
    let cred_protect = how.cred_protect.unwrap_or((asked & USER_VERIFIED != 0).then_some(PIN_REQUIRED));
    // A token makes no key without a touch, whatever the client asked for.
    let honest = USER_PRESENT
        | ATTESTED
        | if verified { USER_VERIFIED } else { 0 }
        | if cred_protect.is_some() { EXTENSIONS } else { 0 };

    let key = subject_key(handle.algorithm, &public_key).ok_or(TokenError::General)?;
    let other = KeyHandle::derived(handle.algorithm, "attested instead", application);
    let attested_key = match other.public_key() {
        Some(other) if how.other_key => subject_key(handle.algorithm, &other),
        _ => None,
    };
    let token = FidoToken {
        firmware: how.firmware,
        aaguid: how.aaguid,
        cert_aaguid: how.cert_aaguid,
        flags: how.flags.unwrap_or(honest),
        cred_protect,
        application: how.application.clone().unwrap_or_else(|| application.to_owned()),
        sign_count: behaviour.counter,
        credential_id: handle.to_bytes(),
        key,
        attested_key,
        challenge: if how.ignores_challenge { b"always the same challenge".to_vec() } else { challenge.to_vec() },
        signed_by_other_key: how.other_signer,
        issuer: how.issuer,
        ..FidoToken::sound(&Maker::named(&how.maker))
    };
    if how.none {
        return Ok(Enrolment { public_key, auth_data: Vec::new(), signature: Vec::new(), certificate: Vec::new() });
    }
    Ok(Enrolment {
        public_key,
        auth_data: token.wrapped_auth_data(),
        signature: token.signature(),
        certificate: token.certificate(),
    })
}

fn subject_key(algorithm: Algorithm, public: &[u8]) -> Option<SubjectKey> {
    Some(match algorithm {
        Algorithm::Ed25519 => SubjectKey::Ed25519(public.try_into().ok()?),
        Algorithm::EcdsaP256 => SubjectKey::P256(public.try_into().ok()?),
    })
}
