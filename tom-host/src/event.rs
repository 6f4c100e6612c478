//! What an auditor may ask about later, as a value.
//!
//! What: the kinds of events, each with its fixed MESSAGE_ID, and the fields that interfaces.md
//! names; and the escaping of foreign text. Why: who logged in as whom, with which token, is only
//! evidence if nobody can write such a line by giving himself a strange name (case 14). What must
//! never happen: that a text from outside ends a line, starts another field, turns the reading
//! direction, or makes two different names look alike.

/// The longest value of a field, in bytes, after escaping.
pub const LONGEST_VALUE: usize = 512;

/// What a value ends with that was longer.
const CUT: char = '…';

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A person or a machine came in.
    LoginAllowed,
    /// A PAM phase refused.
    Refused,
    /// A key was offered before login and not accepted: strangers do that all day.
    OfferRefused,
    /// A break-glass key was used while the policy was unusable.
    BreakGlassUsed,
    /// A local console was left to the password, because the policy is unusable and the host's
    /// configuration says so.
    ConsoleByPassword,
    /// A new policy became the active one.
    PolicyApplied,
    /// A new policy was not taken.
    ApplyRefused,
    /// The policy before became the active one again.
    RolledBack,
    /// A key was taken out by `tom revoke`.
    KeyRevoked,
    /// The active policy can't be used; administrators come in by break-glass only.
    PolicyUnusable,
    /// An observing host would have refused this, had it been enforcing.
    WouldRefuse,
    /// An observing host would have let this in, had it been enforcing.
    WouldAllow,
    /// The host's sshd and PAM ask tom from now on.
    Enabled,
    /// The host's sshd and PAM no longer ask tom.
    Disabled,
    /// A change of policy or configuration was confirmed from a new login.
    ChangeConfirmed,
    /// A change was made although persons could be locked out by it (--allow-lockout).
    LockoutAllowed,
    /// A key that was taken out counts again (`tom revoke --undo`).
    RevocationLifted,
    /// Sessions were ended by `tom revoke --end-sessions`.
    SessionsEnded,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 18] = [
        Self::LoginAllowed,
        Self::Refused,
        Self::OfferRefused,
        Self::BreakGlassUsed,
        Self::ConsoleByPassword,
        Self::PolicyApplied,
        Self::ApplyRefused,
        Self::RolledBack,
        Self::KeyRevoked,
        Self::PolicyUnusable,
        Self::WouldRefuse,
        Self::WouldAllow,
        Self::Enabled,
        Self::Disabled,
        Self::ChangeConfirmed,
        Self::LockoutAllowed,
        Self::RevocationLifted,
        Self::SessionsEnded,
    ];

    /// The journal's MESSAGE_ID: drawn once at random, never changed, so that
    /// `journalctl MESSAGE_ID=…` finds this kind in every version.
    #[must_use]
    pub const fn message_id(self) -> &'static str {
        match self {
            Self::LoginAllowed => "0fa7fcf5a9f94ea9430ba6f0c23d80d5",
            Self::Refused => "27697608fd044e28be16a03159ec37ec",
            Self::OfferRefused => "64e4f62d2fa6be7b0144f81437241713",
            Self::BreakGlassUsed => "2748d10f608318942def43b15f207571",
            Self::ConsoleByPassword => "26587f9d543cb64ec17d694c7e4fdbac",
            Self::PolicyApplied => "a1a463d9f0b1224c155d6068aedf14b1",
            Self::ApplyRefused => "436937b82503f9869ce91b1dd394f08e",
            Self::RolledBack => "d3e78660ff1083549a40c5cab36e7ca9",
            Self::KeyRevoked => "8e5c9b4f9c6a91af9776c67b333ebf91",
            Self::PolicyUnusable => "263231edb85a383df85853b5766294b9",
            Self::WouldRefuse => "31880666e02ea1190aa71a0e99b8b5b7",
            Self::WouldAllow => "787650b54e1b48ce8e02c7757f619bfb",
            Self::Enabled => "41b80e2d6b7f824cd797b2ec276688f6",
            Self::Disabled => "4b204f8025162287e02db50d29c7bda9",
            Self::ChangeConfirmed => "d18f4071ad49c0d87a75f5f58beb579c",
            Self::LockoutAllowed => "79b3443cc9887ddcf85314e79f590189",
            Self::RevocationLifted => "b0613cf4d8d616b546f3811b6755c366",
            Self::SessionsEnded => "e39bbcde305030480a0deba1594001a1",
        }
    }

    /// The value of TOM_EVENT.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LoginAllowed => "login-allowed",
            Self::Refused => "refused",
            Self::OfferRefused => "offer-refused",
            Self::BreakGlassUsed => "break-glass-used",
            Self::ConsoleByPassword => "console-by-password",
            Self::PolicyApplied => "policy-applied",
            Self::ApplyRefused => "apply-refused",
            Self::RolledBack => "rolled-back",
            Self::KeyRevoked => "key-revoked",
            Self::PolicyUnusable => "policy-unusable",
            Self::WouldRefuse => "would-refuse",
            Self::WouldAllow => "would-allow",
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::ChangeConfirmed => "change-confirmed",
            Self::LockoutAllowed => "lockout-allowed",
            Self::RevocationLifted => "revocation-lifted",
            Self::SessionsEnded => "sessions-ended",
        }
    }

    /// The syslog severity: 2 is for what somebody should be woken for, 7 for debugging. An unusable
    /// policy is an error and no alarm: strangers can bring that event about at will, key by key.
    #[must_use]
    pub const fn priority(self) -> u8 {
        match self {
            Self::BreakGlassUsed | Self::ConsoleByPassword | Self::LockoutAllowed => 2,
            Self::PolicyUnusable => 3,
            Self::Refused
            | Self::ApplyRefused
            | Self::RolledBack
            | Self::Disabled
            | Self::RevocationLifted
            | Self::SessionsEnded => 4,
            Self::PolicyApplied | Self::KeyRevoked | Self::WouldRefuse | Self::Enabled | Self::ChangeConfirmed => 5,
            Self::LoginAllowed | Self::WouldAllow => 6,
            Self::OfferRefused => 7,
        }
    }
}

/// A field of an event. There is no other way to name one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Field {
    /// allow, deny or not-governed; of an observing host would-allow or would-deny.
    Verdict,
    /// The reason, as `tom decide` gives it.
    Reason,
    /// The person's id.
    Person,
    /// The label of the person's key.
    Key,
    /// The key's fingerprint, `SHA256:…`.
    KeyFingerprint,
    /// The serial number of the token, as its attestation gives it.
    TokenSerial,
    /// The machine's id.
    Machine,
    /// The account entered.
    Account,
    /// The account that calls su or sudo.
    Invoker,
    /// The PAM service.
    Service,
    /// The client's address.
    From,
    /// The grant's id.
    Grant,
    /// The host's id.
    Host,
    /// The serial of the policy that decided.
    PolicySerial,
}

impl Field {
    /// All fields, in the order in which they are written.
    pub const ALL: [Self; 14] = [
        Self::Verdict,
        Self::Reason,
        Self::Person,
        Self::Key,
        Self::KeyFingerprint,
        Self::TokenSerial,
        Self::Machine,
        Self::Account,
        Self::Invoker,
        Self::Service,
        Self::From,
        Self::Grant,
        Self::Host,
        Self::PolicySerial,
    ];

    /// The name of the journal's field.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Verdict => "TOM_VERDICT",
            Self::Reason => "TOM_REASON",
            Self::Person => "TOM_PERSON",
            Self::Key => "TOM_KEY",
            Self::KeyFingerprint => "TOM_KEY_FINGERPRINT",
            Self::TokenSerial => "TOM_TOKEN_SERIAL",
            Self::Machine => "TOM_MACHINE",
            Self::Account => "TOM_ACCOUNT",
            Self::Invoker => "TOM_INVOKER",
            Self::Service => "TOM_SERVICE",
            Self::From => "TOM_FROM",
            Self::Grant => "TOM_GRANT",
            Self::Host => "TOM_HOST",
            Self::PolicySerial => "TOM_POLICY_SERIAL",
        }
    }
}

/// One event: its kind, a sentence for people, and what is known. Texts are given as they are;
/// they are escaped and bounded here, once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    kind: Kind,
    message: String,
    fields: Vec<(Field, String)>,
}

impl Event {
    /// An event with its sentence.
    #[must_use]
    pub fn new(kind: Kind, message: &str) -> Self {
        Self { kind, message: escape_within(message, LONGEST_VALUE), fields: Vec::new() }
    }

    /// The same with a field; the last value of a field counts.
    #[must_use]
    pub fn with(mut self, field: Field, value: &str) -> Self {
        self.fields.retain(|(known, _)| *known != field);
        self.fields.push((field, escape_within(value, LONGEST_VALUE)));
        self
    }

    /// The same with a field, if its value is known.
    #[must_use]
    pub fn with_known(self, field: Field, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.with(field, value),
            None => self,
        }
    }

    /// What happened.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The sentence, escaped.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The value of a field, escaped.
    #[must_use]
    pub fn value(&self, field: Field) -> Option<&str> {
        let mut fields = self.fields.iter();
        let (_, value) = fields.find(|(known, _)| *known == field)?;
        Some(value)
    }

    /// The fields that are known, with their escaped values, always in the same order.
    pub fn fields(&self) -> impl Iterator<Item = (Field, &str)> {
        Field::ALL.into_iter().filter_map(|field| Some((field, self.value(field)?)))
    }
}

/// Foreign text as one visible line: `\\` for a backslash, `\x0a` for control characters of ASCII,
/// `\u{202e}` for the others, for what turns the reading direction, and for what can't be seen or
/// looks like a space. Two texts that differ stay different.
#[must_use]
pub fn escape(text: &str) -> String {
    escape_within(text, usize::MAX)
}

/// [`escape`] of bytes that may not be text: one that belongs to no character becomes `\xff`.
#[must_use]
pub fn escape_bytes(bytes: &[u8]) -> String {
    let mut line = String::new();
    for chunk in bytes.utf8_chunks() {
        line.push_str(&escape(chunk.valid()));
        for byte in chunk.invalid() {
            line.push_str(&format!("\\x{byte:02x}"));
        }
    }
    line
}

/// [`escape`], cut so that it has at most `limit` bytes; `…` at the end says that it was cut.
fn escape_within(text: &str, limit: usize) -> String {
    let mut line = String::new();
    // The length at which the sign of the cut still fits.
    let mut end = 0;
    for character in text.chars() {
        match character {
            '\\' => line.push_str("\\\\"),
            _ if character.is_ascii_control() => {
                line.push_str(&format!("\\x{:02x}", u32::from(character)));
            }
            _ if is_deceptive(character) => {
                line.push_str(&format!("\\u{{{:x}}}", u32::from(character)));
            }
            _ => line.push(character),
        }
        if line.len() > limit {
            line.truncate(end);
            line.push(CUT);
            return line;
        }
        if line.len().saturating_add(CUT.len_utf8()) <= limit {
            end = line.len();
        }
    }
    line
}

/// Whether a character can't be seen, changes how others are shown, or passes for a space. The
/// ranges are Unicode's Cc, Cf, Zl, Zp, Zs (but the space) and Default_Ignorable_Code_Point.
const fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f' | '\x7f'..='\u{a0}'      // controls; no-break space
            | '\u{ad}'                         // soft hyphen
            | '\u{34f}'                        // grapheme joiner
            | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' // Arabic and Syriac signs, Arabic letter mark
            | '\u{115f}'..='\u{1160}'          // Hangul fillers
            | '\u{1680}'                       // Ogham space
            | '\u{17b4}'..='\u{17b5}'          // Khmer inherent vowels
            | '\u{180b}'..='\u{180f}'          // Mongolian selectors
            | '\u{2000}'..='\u{200f}'          // spaces, joiners, direction marks
            | '\u{2028}'..='\u{202f}'          // line and paragraph ends, embeddings, overrides
            | '\u{205f}'..='\u{206f}'          // invisible operators, isolates
            | '\u{2800}'                       // blank Braille pattern
            | '\u{3000}' | '\u{3164}'          // ideographic space, Hangul filler
            | '\u{fe00}'..='\u{fe0f}'          // variation selectors
            | '\u{feff}'                       // byte order mark
            | '\u{ffa0}'                       // halfwidth Hangul filler
            | '\u{fff0}'..='\u{fffb}'          // annotation
            | '\u{110bd}' | '\u{110cd}'        // Kaithi number signs
            | '\u{13430}'..='\u{1343f}'        // hieroglyph joiners
            | '\u{1bca0}'..='\u{1bca3}'        // shorthand controls
            | '\u{1d173}'..='\u{1d17a}'        // musical controls
            | '\u{e0000}'..='\u{e0fff}' // tags, variation selectors
    )
}

#[cfg(test)]
mod tests;
