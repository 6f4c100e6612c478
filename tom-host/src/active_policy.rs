//! The active policy: read by the programs that decide logins, exchanged by `tom apply`.
//!
//! What must never happen: a login decided by a file that others could have written, by half a file,
//! or by nothing at all. Whatever cannot be used leaves break-glass keys, from the fallback.

mod exchange;
mod governed;
mod revocation;
mod revoked;

pub use exchange::{ExchangeError, Exchanged, NewPolicy, Turn, clear_leftovers, exchange, take_turn};
pub use governed::write as governed_list;
pub use revocation::{Revised, Revocation, RevocationError, lift, renew_copies, revoke};
pub use revoked::RevokedError;

use crate::trusted_file::{self, TrustError, TrustedDirectory};
use libtom::host_policy::HostPolicy;
use libtom::host_policy::stored::{self, StoredError};
use std::path::Path;

/// Where tom keeps its state.
pub const STATE_DIRECTORY: &str = "/var/lib/tom";
/// The active policy.
pub const ACTIVE_DIRECTORY: &str = "/var/lib/tom/active";
/// Within it, the form that logins read.
pub const RESOLVED: &str = "resolved";
/// Within it, the text that it was made from.
pub const SOURCE: &str = "policy.toml";
/// Within it, the evidence named in the policy.
pub const EVIDENCE: &str = "evidence";
/// Within it, what the evidence proved.
pub const PROOF: &str = "proof";
/// Within it, the trust anchors that it rests on, but for the operator's own.
pub const ANCHORS: &str = "anchors.pem";
/// What is left when the active policy cannot be used.
pub const FALLBACK: &str = "/var/lib/tom/fallback";

/// No policy is larger; three thousand keys are half a megabyte.
pub const LARGEST_POLICY: u64 = 16 << 20;

/// How often a directory that is exchanged under our hands is opened again.
const ATTEMPTS: u8 = 4;

/// Why the active policy cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PolicyFault {
    /// It is missing, cannot be read, or could have been written by others than root.
    #[error("the active policy cannot be read: {0}")]
    Untrusted(#[from] TrustError),
    /// It is damaged.
    #[error("the active policy in {ACTIVE_DIRECTORY} is damaged: {0}")]
    Damaged(#[from] StoredError),
    /// The list of revoked keys cannot be read, so that no key can be told from a revoked one.
    #[error("the list of revoked keys cannot be read: {0}")]
    Revoked(#[from] RevokedError),
}

/// Reads the policy that decides logins on this host, and hands it over. It is always one: where the
/// active policy cannot be used it is what is left of it, and the fault says why.
pub fn with_policy<R>(decide: impl FnOnce(&HostPolicy<'_>, Option<&PolicyFault>) -> R) -> R {
    let (revoked, revoked_fault) = revoked::read();
    let fault = match read_active() {
        Ok(bytes) => match stored::decode(&bytes) {
            Ok((policy, _)) => {
                let policy = policy.with_revoked(revoked);
                let Some(fault) = revoked_fault else { return decide(&policy, None) };
                return decide(&policy.unsound(), Some(&fault.into()));
            }
            Err(error) => error.into(),
        },
        Err(error) => error.into(),
    };
    with_what_is_left(&fault, |policy| decide(&policy.with_revoked(revoked).unsound(), Some(&fault)))
}

/// Without the active policy: break-glass keys and governed accounts from the fallback; else the governed
/// accounts from the list of them; else, where there is no such list, uid 0 and the built-in groups. Where
/// the system failed to say (no descriptors left, which a caller of su can bring about), nobody is taken
/// for an ordinary user: also where it said so of one of the three alone, since with a descriptor too few to read
/// a file that is there one still sees that another is not.
fn with_what_is_left<R>(fault: &PolicyFault, decide: impl FnOnce(HostPolicy<'_>) -> R) -> R {
    let fallback = trusted_file::read(Path::new(FALLBACK), LARGEST_POLICY);
    if let Ok(bytes) = &fallback
        && let Ok((policy, _)) = stored::decode(bytes)
    {
        return decide(policy);
    }
    match governed::read() {
        Ok(list) => decide(HostPolicy::governing(governed::parse(&list))),
        Err(error) => {
            let active = matches!(fault, PolicyFault::Untrusted(error) if is_failure(error));
            if active || is_failure(&error) || fallback.as_ref().is_err_and(is_failure) {
                return decide(HostPolicy::blind());
            }
            decide(HostPolicy::absent())
        }
    }
}

/// The system could not say, rather than saying that there is no such file or that it is not root's.
const fn is_failure(error: &TrustError) -> bool {
    matches!(error, TrustError::Io { .. })
}

/// The keys that are revoked on this host, by blob.
///
/// # Errors
/// The list is there and cannot be read whole; see [`RevokedError`].
pub fn revoked() -> Result<Vec<Vec<u8>>, RevokedError> {
    match revoked::read() {
        (blobs, None) => Ok(blobs),
        (_, Some(fault)) => Err(fault),
    }
}

/// The keys that are revoked on this host as far as the list can be read, by blob.
#[must_use]
pub fn listed_as_revoked() -> Vec<Vec<u8>> {
    revoked::read().0
}

/// The stored form of the active policy.
fn read_active() -> Result<Vec<u8>, TrustError> {
    read_from_active(RESOLVED)
}

/// A file of the active policy. A directory that was opened just before it was exchanged may be gone
/// when the file is opened; the new one is there by then.
///
/// # Errors
/// See [`TrustError`].
pub fn read_from_active(name: &str) -> Result<Vec<u8>, TrustError> {
    let mut attempt: u8 = 1;
    loop {
        let directory = TrustedDirectory::open(Path::new(ACTIVE_DIRECTORY))?;
        match directory.read(name, LARGEST_POLICY) {
            Err(error) if attempt < ATTEMPTS && error.is_not_found() && directory.is_removed().unwrap_or(false) => {
                attempt = attempt.saturating_add(1);
            }
            result => return result,
        }
    }
}
