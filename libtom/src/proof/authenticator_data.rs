//! What a FIDO token signs when it makes a key (WebAuthn level 2, section 6.1), taken apart strictly.

use minicbor::Decoder;
use minicbor::data::Type;

/// Flags of authenticator data (WebAuthn level 3, section 6.1).
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const ATTESTED: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;
const RESERVED: u8 = 0x22;

/// Longest credential id (WebAuthn level 2, section 4).
const LONGEST_ID: u16 = 1023;

/// Authenticator data with a new credential in it.
#[derive(Clone, Debug)]
pub(super) struct AuthenticatorData<'a> {
    pub(super) application_digest: &'a [u8; 32],
    pub(super) user_present: bool,
    pub(super) user_verified: bool,
    pub(super) may_be_backed_up: bool,
    pub(super) aaguid: &'a [u8; 16],
    pub(super) key: CoseKey<'a>,
    /// Of the extension credProtect (CTAP 2.1, section 12.1); nothing without it.
    pub(super) protection: Option<u8>,
}

/// A public key in COSE form (RFC 9053), of the two kinds that OpenSSH uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CoseKey<'a> {
    Ed25519(&'a [u8]),
    P256 { x: &'a [u8], y: &'a [u8] },
}

impl<'a> AuthenticatorData<'a> {
    /// Reads it; nothing may be missing and nothing may follow.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        const SHORT: &str = "the authenticator data is cut short";
        let (application_digest, rest) = bytes.split_first_chunk::<32>().ok_or(SHORT)?;
        let (flags, rest) = rest.split_first().ok_or(SHORT)?;
        let (_counter, rest) = rest.split_first_chunk::<4>().ok_or(SHORT)?;
        if flags & RESERVED != 0 {
            return Err("a reserved flag is set in the authenticator data");
        }
        if flags & ATTESTED == 0 {
            return Err("the authenticator data holds no new key (AT is missing)");
        }
        let (aaguid, rest) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
        let (id_length, rest) = rest.split_first_chunk::<2>().ok_or(SHORT)?;
        let id_length = u16::from_be_bytes(*id_length);
        if id_length == 0 || id_length > LONGEST_ID {
            return Err("the credential's id has an impossible length");
        }
        let (_id, rest) = rest.split_at_checked(usize::from(id_length)).ok_or(SHORT)?;
        let mut decoder = Decoder::new(rest);
        let key =
            read_key(&mut decoder).ok_or("the key in the authenticator data is not of a kind that OpenSSH uses")?;
        let protection = if flags & EXTENSIONS == 0 {
            None
        } else {
            read_protection(&mut decoder).ok_or("the extensions in the authenticator data cannot be read")?
        };
        if decoder.position() != rest.len() {
            return Err("bytes behind the end of the authenticator data");
        }
        Ok(Self {
            application_digest,
            user_present: flags & USER_PRESENT != 0,
            user_verified: flags & USER_VERIFIED != 0,
            may_be_backed_up: flags & (BACKUP_ELIGIBLE | BACKED_UP) != 0,
            aaguid,
            key,
            protection,
        })
    }
}

/// A COSE key: exactly the parameters of its kind, each once.
fn read_key<'a>(decoder: &mut Decoder<'a>) -> Option<CoseKey<'a>> {
    let count = decoder.map().ok()??;
    let (mut kind, mut algorithm, mut curve, mut x, mut y) = (None, None, None, None, None);
    for _ in 0..count.min(6) {
        match decoder.i64().ok()? {
            1 if kind.is_none() => kind = Some(decoder.i64().ok()?),
            3 if algorithm.is_none() => algorithm = Some(decoder.i64().ok()?),
            -1 if curve.is_none() => curve = Some(decoder.i64().ok()?),
            -2 if x.is_none() => x = Some(decoder.bytes().ok()?),
            -3 if y.is_none() => y = Some(decoder.bytes().ok()?),
            _ => return None,
        }
    }
    let (x, algorithm) = (x.filter(|x| x.len() == 32)?, (kind?, algorithm?, curve?));
    match (count, algorithm, y) {
        (4, (1, -8, 6), None) => Some(CoseKey::Ed25519(x)),
        (5, (2, -7, 1), Some(y)) if y.len() == 32 => Some(CoseKey::P256 { x, y }),
        _ => None,
    }
}

/// The level of credProtect; the inner nothing where it is not among the extensions.
#[allow(clippy::option_option, reason = "unreadable and absent are two answers")]
fn read_protection(decoder: &mut Decoder<'_>) -> Option<Option<u8>> {
    let count = decoder.map().ok()??;
    let mut level = None;
    for _ in 0..count {
        if decoder.datatype().ok()? != Type::String {
            return None;
        }
        if decoder.str().ok()? == "credProtect" {
            if level.is_some() {
                return None;
            }
            level = Some(decoder.u8().ok()?);
        } else {
            decoder.skip().ok()?;
        }
    }
    Some(level)
}
