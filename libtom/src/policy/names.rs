//! The names that are built in: services, admin groups, exempt services.

/// Groups whose members are administrators on every host; a policy adds to them and takes none away.
pub const ADMIN_GROUPS: [&str; 6] = ["root", "sudo", "docker", "lxd", "disk", "libvirt"];

/// Services that run on behalf of an account without anybody logging in, or that only root's own tools
/// ask; a policy adds to them and takes none away.
pub const EXEMPT_SERVICES: [&str; 10] =
    ["cron", "atd", "systemd-user", "runuser", "runuser-l", "chfn", "chsh", "passwd", "chpasswd", "newusers"];

/// The four services that grants are made for. `su-l` is `su`, and `sudo-i` is `sudo`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    /// A login by SSH.
    Sshd,
    /// A login at a console.
    Login,
    /// Becoming another account by su.
    Su,
    /// Becoming another account by sudo.
    Sudo,
}

impl Service {
    /// All four, in the order in which they are named in messages.
    pub const ALL: [Self; 4] = [Self::Sshd, Self::Login, Self::Su, Self::Sudo];

    /// The name in a policy.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sshd => "sshd",
            Self::Login => "login",
            Self::Su => "su",
            Self::Sudo => "sudo",
        }
    }

    /// The service that a policy means by this name: exactly one of the four.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|service| service.name() == name)
    }

    /// The service behind a PAM service name, where `su-l` counts as su and `sudo-i` as sudo.
    #[must_use]
    pub fn of_pam(name: &str) -> Option<Self> {
        match name {
            "su-l" => Some(Self::Su),
            "sudo-i" => Some(Self::Sudo),
            other => Self::named(other),
        }
    }

    /// Does this service have a caller, who already has an account on the host?
    #[must_use]
    pub const fn has_caller(self) -> bool {
        matches!(self, Self::Su | Self::Sudo)
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Sshd => 1,
            Self::Login => 2,
            Self::Su => 4,
            Self::Sudo => 8,
        }
    }
}

/// Some of the four services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(transparent)]
pub struct ServiceSet(#[n(0)] u8);

impl ServiceSet {
    /// Adds a service.
    pub fn insert(&mut self, service: Service) {
        self.0 |= service.bit();
    }

    /// Is the service among them?
    #[must_use]
    pub const fn contains(self, service: Service) -> bool {
        self.0 & service.bit() != 0
    }

    /// The services in it, in the order of [`Service::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Service> {
        Service::ALL.into_iter().filter(move |service| self.contains(*service))
    }
}

impl FromIterator<Service> for ServiceSet {
    fn from_iter<I: IntoIterator<Item = Service>>(services: I) -> Self {
        let mut set = Self::default();
        for service in services {
            set.insert(service);
        }
        set
    }
}
