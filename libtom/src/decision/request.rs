//! What is asked, with everything that a program found out about its host as values.

use crate::moment::Moment;
use crate::network::parse_address;
use crate::public_key::PublicKey;
use alloc::borrow::Cow;
use alloc::vec::Vec;
use core::net::IpAddr;

/// Who asks, and what is known by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// tom-authorized-keys: account and key, no address yet.
    Offer,
    /// pam_tom, account phase: account and address, no key yet.
    Account,
    /// Console, su, sudo: a card or agent has proven a key.
    Auth,
    /// The last word: everything is known.
    Session,
}

impl Phase {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Offer, Self::Account, Self::Auth, Self::Session];

    /// The name in requests.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Offer => "offer",
            Self::Account => "account",
            Self::Auth => "auth",
            Self::Session => "session",
        }
    }

    /// The phase of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// Groups of an account, which are looked up only where they can matter.
#[derive(Clone, Copy, Debug, Default)]
pub enum Groups<'r> {
    /// Nobody has asked yet, or the look-up failed: where groups matter this is a denial.
    #[default]
    Unknown,
    /// These, and no others that matter.
    Known(&'r [&'r str]),
}

/// Where the client is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// There is no address: a local console, or a caller on the host.
    #[default]
    Local,
    /// This address.
    Address(IpAddr),
    /// Something is said that is no numeric address: it is never looked up.
    NotNumeric,
}

impl Origin {
    /// Reads what a program was told: nothing, an address, or something else.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::Local;
        }
        parse_address(text).map_or(Self::NotNumeric, Self::Address)
    }

    /// Is any address said, be it numeric or not?
    #[must_use]
    pub fn is_remote(self) -> bool {
        self != Self::Local
    }
}

/// The key shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Key<'r> {
    /// None.
    #[default]
    Missing,
    /// A text that is no key, or of a kind that is never taken: nobody has it.
    Unreadable,
    /// A key, by its blob.
    Blob(Cow<'r, [u8]>),
}

impl Key<'_> {
    /// Reads what a program was told: nothing, a key, or something else.
    #[must_use]
    pub fn parse(text: &str) -> Key<'static> {
        if text.is_empty() {
            return Key::Missing;
        }
        PublicKey::parse(text).map_or(Key::Unreadable, |key| Key::Blob(Cow::Owned(Vec::from(key.blob()))))
    }
}

/// A request for a decision.
#[derive(Clone, Debug)]
pub struct Request<'r> {
    /// Who asks.
    pub phase: Phase,
    /// The PAM service.
    pub service: &'r str,
    /// The account entered; nothing in sudo's auth phase, where it is not yet known.
    pub account: Option<&'r str>,
    /// Its uid, where it was looked up.
    pub uid: Option<u32>,
    /// Its groups.
    pub groups: Groups<'r>,
    /// Where the client is.
    pub origin: Origin,
    /// The key shown.
    pub key: Key<'r>,
    /// The moment.
    pub at: Moment,
    /// The account of the caller, for su and sudo.
    pub invoker: Option<&'r str>,
    /// The caller's real uid.
    pub invoker_uid: Option<u32>,
    /// The caller's groups.
    pub invoker_groups: Groups<'r>,
}

impl<'r> Request<'r> {
    /// A request that says nothing beyond these.
    #[must_use]
    pub const fn new(phase: Phase, service: &'r str, at: Moment) -> Self {
        Self {
            phase,
            service,
            account: None,
            uid: None,
            groups: Groups::Unknown,
            origin: Origin::Local,
            key: Key::Missing,
            at,
            invoker: None,
            invoker_uid: None,
            invoker_groups: Groups::Unknown,
        }
    }
}
