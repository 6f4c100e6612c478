//! The form on disk: what `tom apply` writes and logins read.
//!
//! A short header, then CBOR (RFC 8949). The header says how long the rest is and what its checksum
//! is, so that a file cut short or damaged on its way is no policy at all. It guards against accidents;
//! against people the file is guarded by its owner and mode.
//!
//! ```text
//! "tom policy 1\n" | length of the body, 8 bytes | CRC-32 of the body, 4 bytes | body   (big endian)
//! ```

use super::{Holder, HostPolicy, Rules};
use crate::moment::Moment;
use crate::network::NetworkSet;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

const MAGIC: &[u8; 13] = b"tom policy 1\n";
const HEADER: usize = 25;

/// SHA-256 of the text that a stored policy was made from.
pub type SourceDigest = [u8; 32];

/// Why a stored policy cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoredError {
    /// Another kind of file, or one of another version of tom.
    #[error("it is no stored policy of this version of tom; run 'tom apply'")]
    NotAPolicy,
    /// Shorter or longer than it says.
    #[error("it should hold {expected} bytes, and holds {found}")]
    Length {
        /// What the header says.
        expected: u64,
        /// What is there.
        found: usize,
    },
    /// The checksum is wrong.
    #[error("its checksum is wrong: it was damaged after it was written")]
    Checksum,
    /// The checksum holds, but the content cannot be read: written by a newer version.
    #[error("it cannot be read: {0}")]
    Content(alloc::string::String),
}

#[derive(Encode, Decode)]
#[cbor(map)]
struct Body<'p> {
    #[cbor(n(0), with = "minicbor::bytes")]
    source: [u8; 32],
    #[b(1)]
    rules: Rules<'p>,
}

/// The stored form of a policy, made from the text with this digest and applied at this moment.
#[must_use]
pub fn encode(policy: &HostPolicy<'_>, source: &SourceDigest, applied: Moment) -> Vec<u8> {
    let rules = Rules { applied: Some(applied), revoked: revoked(policy), ..policy.rules.clone() };
    wrap(&Body { source: *source, rules })
}

/// The stored form of what is left when the active policy cannot be used: the governed accounts, and
/// break-glass keys with their persons, accounts and networks. Those known to be revoked are left out, so that
/// a list of revoked keys that cannot be read gives none of them back.
#[must_use]
pub fn encode_fallback(policy: &HostPolicy<'_>, source: &SourceDigest, applied: Moment) -> Vec<u8> {
    let mut rules = Rules { applied: Some(applied), revoked: revoked(policy), ..policy.rules.clone() };
    let is_left = |key: &super::HostKey<'_>| {
        key.break_glass && matches!(key.holder, Holder::Person(_)) && !policy.is_revoked(key.blob)
    };
    rules.keys.retain(is_left);
    rules.machines.clear();
    let has_key = |person: &u32| rules.keys.iter().any(|key| key.holder == Holder::Person(*person));
    for grant in &mut rules.grants {
        grant.persons.retain(has_key);
    }
    rules.grants.retain(|grant| !grant.persons.is_empty());
    let used: BTreeSet<u32> = rules.grants.iter().filter_map(|grant| grant.from.clone()).flatten().collect();
    for (number, set) in (0_u32..).zip(&mut rules.networks) {
        if !used.contains(&number) {
            *set = NetworkSet::default();
        }
    }
    wrap(&Body { source: *source, rules })
}

fn revoked(policy: &HostPolicy<'_>) -> Vec<minicbor::bytes::ByteVec> {
    policy.revoked.iter().cloned().map(Into::into).collect()
}

fn wrap(body: &Body<'_>) -> Vec<u8> {
    let mut content = Vec::new();
    // Writing into a Vec cannot fail; if it did, what is written would not be readable, and logins would fall back.
    let _ = minicbor::encode(body, &mut content);
    let mut file = Vec::with_capacity(content.len().saturating_add(HEADER));
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&u64::try_from(content.len()).unwrap_or(u64::MAX).to_be_bytes());
    file.extend_from_slice(&crc32fast::hash(&content).to_be_bytes());
    file.append(&mut content);
    file
}

/// Reads a stored policy.
///
/// # Errors
/// Says why it cannot be used: see [`StoredError`].
pub fn decode(file: &[u8]) -> Result<(HostPolicy<'_>, SourceDigest), StoredError> {
    let rest = file.strip_prefix(MAGIC).ok_or(StoredError::NotAPolicy)?;
    let (length, rest) = rest.split_first_chunk::<8>().ok_or(StoredError::NotAPolicy)?;
    let (checksum, content) = rest.split_first_chunk::<4>().ok_or(StoredError::NotAPolicy)?;
    let expected = u64::from_be_bytes(*length);
    if u64::try_from(content.len()) != Ok(expected) {
        return Err(StoredError::Length { expected, found: content.len() });
    }
    if crc32fast::hash(content) != u32::from_be_bytes(*checksum) {
        return Err(StoredError::Checksum);
    }
    let body: Body<'_> = minicbor::decode(content).map_err(|error| StoredError::Content(alloc::format!("{error}")))?;
    Ok((HostPolicy::index(body.rules, true), body.source))
}

/// The digest of a policy text.
#[must_use]
pub fn digest(text: &[u8]) -> SourceDigest {
    let mut digest = [0; 32];
    for (to, from) in digest.iter_mut().zip(ring::digest::digest(&ring::digest::SHA256, text).as_ref()) {
        *to = *from;
    }
    digest
}
