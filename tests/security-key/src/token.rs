//! What the token does when it is asked for a signature.

use p256::ecdsa::signature::Signer;
use ring::signature::Ed25519KeyPair;

use crate::behaviour::{Behaviour, PinRule};
use crate::handle::{Algorithm, KeyHandle, sha256};

/// The flag "somebody touched it" (UP) of the authenticator data.
pub const USER_PRESENT: u8 = 0x01;
/// The flag "somebody entered the PIN" (UV) of the authenticator data.
pub const USER_VERIFIED: u8 = 0x04;

/// Why the token refused; the numbers are OpenSSH's `SSH_SK_ERR_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// Anything else.
    General = -1,
    /// An algorithm or an operation that it lacks.
    Unsupported = -2,
    /// No PIN, or a wrong one: OpenSSH has one number for both.
    PinRequired = -3,
    /// The key handle is not of this token, or not for this application.
    NotThisToken = -4,
}

/// A signature as `sk_sign` returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// The flags that the token says it has signed.
    pub flags: u8,
    /// The counter that it has signed.
    pub counter: u32,
    /// Ed25519: the 64 bytes. P-256: r.
    pub r: Vec<u8>,
    /// P-256: s. Otherwise empty.
    pub s: Vec<u8>,
}

/// Signs `message`: SHA256(application) || flags || counter || SHA256(message).
///
/// `asked` are the flags that the client wants to be true of the user.
///
/// # Errors
/// As a token refuses: a wrong or missing PIN, a foreign handle.
pub fn sign(
    behaviour: &Behaviour,
    handle: &KeyHandle,
    application: &str,
    message: &[u8],
    asked: u8,
    pin: Option<&str>,
) -> Result<Signature, TokenError> {
    if !handle.is_for(application) {
        return Err(TokenError::NotThisToken);
    }
    let verified = verify_user(behaviour, asked, pin)?;
    // Nobody can be present at a simulated token; it believes the client that somebody is.
    let honest = (asked & USER_PRESENT) | if verified { USER_VERIFIED } else { 0 };
    let signed_flags = behaviour.signed_flags.unwrap_or(honest);

    let mut signed = sha256(application.as_bytes()).to_vec();
    signed.push(signed_flags);
    signed.extend_from_slice(&behaviour.counter.to_be_bytes());
    signed.extend_from_slice(&sha256(message));

    let (r, s) = match handle.algorithm {
        Algorithm::Ed25519 => {
            let pair = Ed25519KeyPair::from_seed_unchecked(&handle.seed).map_err(|_| TokenError::General)?;
            (pair.sign(&signed).as_ref().to_vec(), Vec::new())
        }
        Algorithm::EcdsaP256 => {
            let key = p256::ecdsa::SigningKey::from_slice(&handle.seed).map_err(|_| TokenError::General)?;
            let signature: p256::ecdsa::Signature = key.sign(&signed);
            (signature.r().to_bytes().to_vec(), signature.s().to_bytes().to_vec())
        }
    };
    let flags = behaviour.claimed_flags.unwrap_or(signed_flags);
    Ok(Signature { flags, counter: behaviour.counter, r, s })
}

/// Whether the user proved to know the PIN.
pub(crate) fn verify_user(behaviour: &Behaviour, asked: u8, pin: Option<&str>) -> Result<bool, TokenError> {
    let needed = match behaviour.pin_rule {
        PinRule::WhenAsked => asked & USER_VERIFIED != 0,
        PinRule::Always => true,
        PinRule::Never => return Ok(false),
    };
    match pin {
        Some(pin) if pin == behaviour.pin => Ok(needed),
        None if !needed => Ok(false),
        Some(_) | None => Err(TokenError::PinRequired),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle() -> KeyHandle {
        KeyHandle::derived(Algorithm::Ed25519, "test", "ssh:")
    }

    #[test]
    fn a_sound_token_claims_the_pin_only_when_it_was_entered() {
        let sound = Behaviour::sound();
        let both = USER_PRESENT | USER_VERIFIED;
        let with_pin = sign(&sound, &handle(), "ssh:", b"m", both, Some("123456")).unwrap();
        assert_eq!(with_pin.flags, both);
        let touched = sign(&sound, &handle(), "ssh:", b"m", USER_PRESENT, None).unwrap();
        assert_eq!(touched.flags, USER_PRESENT);
        let without = sign(&sound, &handle(), "ssh:", b"m", both, None);
        assert_eq!(without, Err(TokenError::PinRequired));
        let wrong = sign(&sound, &handle(), "ssh:", b"m", both, Some("000000"));
        assert_eq!(wrong, Err(TokenError::PinRequired));
    }

    #[test]
    fn a_handle_is_bound_to_its_application() {
        let refused = sign(&Behaviour::sound(), &handle(), "ssh:other", b"m", USER_PRESENT, None);
        assert_eq!(refused, Err(TokenError::NotThisToken));
    }

    #[test]
    fn a_handle_survives_the_way_to_the_client_and_back() {
        for algorithm in [Algorithm::Ed25519, Algorithm::EcdsaP256] {
            let handle = KeyHandle::derived(algorithm, "test", "ssh:");
            assert_eq!(KeyHandle::from_bytes(&handle.to_bytes()), Some(handle));
        }
        assert_eq!(KeyHandle::from_bytes(b"another token's handle"), None);
    }
}
