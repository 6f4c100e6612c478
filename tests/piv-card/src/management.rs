//! The management key, and the two ways a host proves that it has it.

use aes::{Aes128, Aes192, Aes256};
use cipher::{Block, BlockCipherEncrypt, KeyInit};
use des::TdesEde3;
use serde::{Deserialize, Serialize};

use crate::apdu::{Answer, Status};
use crate::keys::random;
use crate::tlv;

/// What tokens leave the factory with.
const FACTORY: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

/// A cipher for management keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cipher {
    /// Triple DES, the default before firmware 5.7.
    TripleDes,
    /// AES with 128 bits.
    Aes128,
    /// AES with 192 bits, the default since firmware 5.7.
    Aes192,
    /// AES with 256 bits.
    Aes256,
}

impl Cipher {
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::TripleDes => 0x03,
            Self::Aes128 => 0x08,
            Self::Aes192 => 0x0a,
            Self::Aes256 => 0x0c,
        }
    }

    pub(crate) fn numbered(number: u8) -> Option<Self> {
        [Self::TripleDes, Self::Aes128, Self::Aes192, Self::Aes256].into_iter().find(|this| this.number() == number)
    }

    fn block(self) -> usize {
        if self == Self::TripleDes { 8 } else { 16 }
    }

    fn key_length(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::TripleDes | Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }
}

/// A management key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManagementKey {
    cipher: Cipher,
    key: Vec<u8>,
}

impl ManagementKey {
    /// A key for this cipher; `None` if it has not the cipher's length.
    #[must_use]
    pub fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        (key.len() == cipher.key_length()).then(|| Self { cipher, key: key.to_vec() })
    }

    /// The factory's key, which anyone knows.
    #[must_use]
    pub fn factory(cipher: Cipher) -> Self {
        let key = FACTORY.iter().copied().cycle().take(cipher.key_length()).collect();
        Self { cipher, key }
    }

    /// Its cipher.
    #[must_use]
    pub fn cipher(&self) -> Cipher {
        self.cipher
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.key
    }

    pub(crate) fn is_factory(&self) -> bool {
        *self == Self::factory(self.cipher)
    }

    fn encrypt(&self, block: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            Cipher::TripleDes => encrypt::<TdesEde3>(&self.key, block),
            Cipher::Aes128 => encrypt::<Aes128>(&self.key, block),
            Cipher::Aes192 => encrypt::<Aes192>(&self.key, block),
            Cipher::Aes256 => encrypt::<Aes256>(&self.key, block),
        }
    }

    #[cfg(test)]
    fn decrypt(&self, block: &[u8]) -> Option<Vec<u8>> {
        match self.cipher {
            Cipher::TripleDes => decrypt::<TdesEde3>(&self.key, block),
            Cipher::Aes128 => decrypt::<Aes128>(&self.key, block),
            Cipher::Aes192 => decrypt::<Aes192>(&self.key, block),
            Cipher::Aes256 => decrypt::<Aes256>(&self.key, block),
        }
    }
}

fn encrypt<C: BlockCipherEncrypt + KeyInit>(key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    let mut block = Block::<C>::try_from(block).ok()?;
    C::new_from_slice(key).ok()?.encrypt_block(&mut block);
    Some(block.to_vec())
}

#[cfg(test)]
fn decrypt<C: cipher::BlockCipherDecrypt + KeyInit>(key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    let mut block = Block::<C>::try_from(block).ok()?;
    C::new_from_slice(key).ok()?.decrypt_block(&mut block);
    Some(block.to_vec())
}

/// How far the host's proof is.
#[derive(Debug, Default)]
pub(crate) enum Proof {
    /// Not begun, or failed.
    #[default]
    None,
    /// The host must decrypt: this is what it must find.
    Witness(Vec<u8>),
    /// The host must encrypt this.
    Challenge(Vec<u8>),
    /// Given.
    Given,
}

impl Proof {
    pub(crate) fn is_given(&self) -> bool {
        matches!(self, Self::Given)
    }

    /// GENERAL AUTHENTICATE with the management key.
    pub(crate) fn step(&mut self, key: &ManagementKey, cipher: u8, data: &[u8]) -> Answer {
        let before = std::mem::take(self);
        if cipher != key.cipher.number() {
            return Err(Status::WRONG_DATA);
        }
        let template = tlv::find(0x7c, data).ok_or(Status::WRONG_DATA)?;
        let (witness, challenge, response) =
            (tlv::find(0x80, template), tlv::find(0x81, template), tlv::find(0x82, template));
        let answer = match (before, witness, challenge, response) {
            (_, Some([]), _, _) => {
                let fresh = random(key.cipher.block()).ok_or(Status::CONDITIONS)?;
                let encrypted = key.encrypt(&fresh).ok_or(Status::CONDITIONS)?;
                *self = Self::Witness(fresh);
                tlv::element(0x80, &encrypted)
            }
            (Self::Witness(fresh), Some(found), Some(theirs), _) => {
                if found != fresh {
                    return Err(Status::NOT_ALLOWED_YET);
                }
                let encrypted = key.encrypt(theirs).ok_or(Status::WRONG_DATA)?;
                *self = Self::Given;
                tlv::element(0x82, &encrypted)
            }
            (_, None, Some([]), None) => {
                let fresh = random(key.cipher.block()).ok_or(Status::CONDITIONS)?;
                *self = Self::Challenge(fresh.clone());
                tlv::element(0x81, &fresh)
            }
            (Self::Challenge(fresh), None, None, Some(found)) => {
                if key.encrypt(&fresh).as_deref() != Some(found) {
                    return Err(Status::NOT_ALLOWED_YET);
                }
                *self = Self::Given;
                return Ok(Vec::new());
            }
            _ => return Err(Status::WRONG_DATA),
        };
        Ok(tlv::element(0x7c, &answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(host: &ManagementKey, card: &ManagementKey) -> bool {
        let mut proof = Proof::default();
        let number = host.cipher().number();
        let answer = proof.step(card, number, &[0x7c, 2, 0x80, 0]).expect("a witness");
        let encrypted = tlv::find(0x80, tlv::find(0x7c, &answer).unwrap()).unwrap();
        let mut mine = tlv::element(0x80, &host.decrypt(encrypted).unwrap());
        mine.extend(tlv::element(0x81, &vec![9; encrypted.len()]));
        let mutual = proof.step(card, number, &tlv::element(0x7c, &mine)).is_ok() && proof.is_given();

        let answer = proof.step(card, number, &[0x7c, 2, 0x81, 0]).expect("a challenge");
        assert!(!proof.is_given(), "a new proof ends the old one");
        let challenge = tlv::find(0x81, tlv::find(0x7c, &answer).unwrap()).unwrap();
        let mine = tlv::element(0x82, &host.encrypt(challenge).unwrap());
        let single = proof.step(card, number, &tlv::element(0x7c, &mine)).is_ok() && proof.is_given();
        assert_eq!(mutual, single);
        mutual
    }

    #[test]
    fn each_cipher_both_ways() {
        for cipher in [Cipher::TripleDes, Cipher::Aes128, Cipher::Aes192, Cipher::Aes256] {
            let factory = ManagementKey::factory(cipher);
            let other = ManagementKey::new(cipher, &vec![0x5a; cipher.key_length()]).unwrap();
            assert!(proof(&factory, &factory), "{cipher:?}");
            assert!(!proof(&other, &factory), "{cipher:?}");
        }
    }

    #[test]
    fn a_proof_without_a_challenge_is_none() {
        let key = ManagementKey::factory(Cipher::Aes192);
        let mut proof = Proof::default();
        let data = tlv::element(0x7c, &tlv::element(0x82, &key.encrypt(&[0; 16]).unwrap()));
        assert!(proof.step(&key, 0x0a, &data).is_err());
        assert!(!proof.is_given());
    }
}
