//! The rules by the names that logs, answers and policies call them.

/// Why a request is denied; in the order of the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Denial {
    /// The account or its groups could not be looked up.
    AccountUnknown,
    /// The active policy is missing or damaged, and no break-glass key allows it.
    PolicyUnusable,
    /// The clock is before 1980 or after 2100, and no break-glass key allows it.
    ClockImplausible,
    /// The policy has expired, and no break-glass key allows it.
    PolicyExpired,
    /// No grant or machine is for this account, service, caller or key here.
    NoGrant,
    /// No key was shown.
    KeyMissing,
    /// The key is nobody's in the policy.
    KeyUnknown,
    /// The key was revoked.
    KeyRevoked,
    /// The person's last valid day is over.
    PersonExpired,
    /// The key's or machine's last valid day is over.
    KeyExpired,
    /// The person belongs to a customer whose host this is not.
    WrongCustomer,
    /// There is no numeric client address.
    AddressUnknown,
    /// The client's address is in no network of the grant.
    AddressNotAllowed,
    /// Nothing proves that a PIN protects the key.
    PinNotProven,
    /// The token's firmware is older than the policy takes.
    FirmwareTooOld,
}

impl Denial {
    /// All of them, in the order of the rules.
    pub const ALL: [Self; 15] = [
        Self::AccountUnknown,
        Self::PolicyUnusable,
        Self::ClockImplausible,
        Self::PolicyExpired,
        Self::NoGrant,
        Self::KeyMissing,
        Self::KeyUnknown,
        Self::KeyRevoked,
        Self::PersonExpired,
        Self::KeyExpired,
        Self::WrongCustomer,
        Self::AddressUnknown,
        Self::AddressNotAllowed,
        Self::PinNotProven,
        Self::FirmwareTooOld,
    ];

    /// The name in logs and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountUnknown => "account-unknown",
            Self::PolicyUnusable => "policy-unusable",
            Self::ClockImplausible => "clock-implausible",
            Self::PolicyExpired => "policy-expired",
            Self::NoGrant => "no-grant",
            Self::KeyMissing => "key-missing",
            Self::KeyUnknown => "key-unknown",
            Self::KeyRevoked => "key-revoked",
            Self::PersonExpired => "person-expired",
            Self::KeyExpired => "key-expired",
            Self::WrongCustomer => "wrong-customer",
            Self::AddressUnknown => "address-unknown",
            Self::AddressNotAllowed => "address-not-allowed",
            Self::PinNotProven => "pin-not-proven",
            Self::FirmwareTooOld => "firmware-too-old",
        }
    }

    /// The number of the rule in interfaces.md that gives this reason.
    #[must_use]
    pub const fn rule(self) -> u8 {
        match self {
            Self::AccountUnknown => 1,
            Self::PolicyUnusable | Self::ClockImplausible | Self::PolicyExpired => 2,
            Self::NoGrant => 3,
            Self::KeyMissing | Self::KeyUnknown => 4,
            Self::KeyRevoked | Self::PersonExpired | Self::KeyExpired => 5,
            Self::WrongCustomer => 6,
            Self::AddressUnknown | Self::AddressNotAllowed => 7,
            Self::PinNotProven | Self::FirmwareTooOld => 8,
        }
    }
}

/// Why tom has no say in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Exemption {
    /// Root calls su or sudo: there is nothing left to protect.
    CallerIsRoot,
    /// The service runs without anybody logging in.
    ServiceExempt,
    /// The account is no administrator's.
    AccountNotGoverned,
    /// The local console is open by password while the policy cannot be used, as host.toml says.
    BreakGlassConsole,
}

impl Exemption {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::CallerIsRoot, Self::ServiceExempt, Self::AccountNotGoverned, Self::BreakGlassConsole];

    /// The name in logs and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CallerIsRoot => "caller-is-root",
            Self::ServiceExempt => "service-exempt",
            Self::AccountNotGoverned => "account-not-governed",
            Self::BreakGlassConsole => "break-glass-console",
        }
    }
}

/// The reason of any decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// Rule 9: something was left.
    Granted,
    /// Denied.
    Denied(Denial),
    /// Not governed.
    NotGoverned(Exemption),
}

impl Reason {
    /// The name in logs and answers.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::Denied(denial) => denial.name(),
            Self::NotGoverned(exemption) => exemption.name(),
        }
    }

    /// The reason of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let denials = Denial::ALL.into_iter().map(Self::Denied);
        let exemptions = Exemption::ALL.into_iter().map(Self::NotGoverned);
        core::iter::once(Self::Granted).chain(denials).chain(exemptions).find(|reason| reason.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::{Denial, Reason};

    #[test]
    fn names_are_found_again() {
        for denial in Denial::ALL {
            assert_eq!(Reason::named(denial.name()), Some(Reason::Denied(denial)));
        }
        assert_eq!(Reason::named("granted"), Some(Reason::Granted));
        assert_eq!(Reason::named("Granted"), None);
    }

    /// Rules are tried in the order of the reasons: `decide` relies on it when it keeps the furthest.
    #[test]
    fn reasons_stand_in_the_order_of_the_rules() {
        assert!(Denial::ALL.is_sorted());
        assert!(Denial::ALL.map(Denial::rule).is_sorted());
    }
}
