//! The outcome of a login.

use std::time::Duration;

/// Which layer refused, by what sshd logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No source of keys has this key for this account (the hook printed nothing).
    UnknownKey,
    /// The key was found, but its line's `from=` has another address.
    Address,
    /// The key was found, but its line has an `expiry-time=` in the past.
    Expired,
    /// The key was found, but the token did not verify its user: no PIN.
    PinNotVerified,
    /// The key was found, but the token's user was not present: no touch.
    NotTouched,
    /// The key was found, and the signature is wrong.
    Signature,
    /// The key was found, and no signature came: the token refused, or its owner.
    NoSignature,
    /// PAM's account phase.
    PamAccount,
    /// PAM's session phase.
    PamSession,
}

/// What the client saw and what sshd logged.
#[derive(Clone, Debug)]
pub struct Login {
    /// The client's exit code: that of the remote command, 255 if ssh failed, 254 if sshd ended
    /// the session before the command, 124 if it took too long, `None` after a signal.
    pub status: Option<i32>,
    /// What the remote command wrote.
    pub stdout: String,
    /// What the client wrote to standard error.
    pub stderr: String,
    /// sshd's log lines meanwhile: those of this connection, if no other was open. `None` for a
    /// login among others.
    pub sshd_log: Option<Vec<String>>,
    /// From the start of the client to its end.
    pub duration: Duration,
}

impl Login {
    /// Whether the login was allowed and what was asked for done.
    #[must_use]
    pub fn allowed(&self) -> bool {
        self.status == Some(0) && self.refusal().is_none()
    }

    /// Fails the test unless the login was allowed and what was asked for done.
    ///
    /// # Panics
    /// If it was not.
    #[track_caller]
    pub fn assert_allowed(&self) -> &Self {
        assert!(self.allowed(), "this login should have been allowed: {self:#?}");
        self
    }

    /// Fails the test unless sshd refused the login, and nothing was done.
    ///
    /// A client that never came as far as to try is no refusal: sshd must have seen it.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn assert_refused(&self) -> &Self {
        let failed = !matches!(self.status, Some(0 | 124) | None);
        assert!(failed, "this login should have been refused: {self:#?}");
        assert!(self.stdout.is_empty(), "refused, but something was done: {self:#?}");
        let attempted = match &self.sshd_log {
            Some(_) => self.logged("userauth-request for user"),
            None => self.stderr.contains("Permission denied") || self.status == Some(254),
        };
        assert!(attempted, "no refusal: sshd has seen no attempt: {self:#?}");
        self
    }

    /// Fails the test unless this layer refused the login.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn assert_refused_by(&self, layer: Refusal) -> &Self {
        self.assert_refused();
        let by = self.refusal();
        assert!(by == Some(layer), "refused by {by:?} instead of {layer:?}: {self:#?}");
        self
    }

    /// Whether a line of sshd's log contains `text`.
    #[must_use]
    pub fn logged(&self, text: &str) -> bool {
        self.count(|line| line.contains(text)) > 0
    }

    /// The layer that refused, as far as the log tells: `None` if none did.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        const SIGNS: [(&str, Refusal); 7] = [
            ("PAM: pam_open_session()", Refusal::PamSession),
            ("by PAM account configuration", Refusal::PamAccount),
            ("user verification requirement not met", Refusal::PinNotVerified),
            ("user presence (authenticator touch) requirement not met", Refusal::NotTouched),
            ("not from a permitted host", Refusal::Address),
            ("not permitted to use this key for login", Refusal::Address),
            ("entry expired at", Refusal::Expired),
        ];
        for (sign, refusal) in SIGNS {
            if self.logged(sign) {
                return Some(refusal);
            }
        }
        // Sources are asked twice for a key: before the signature and with it.
        let found = self.count(|line| line.starts_with("Accepted key ") || line.starts_with("Accepted certificate "));
        let failed = self.count(|line| line.starts_with("Failed publickey for "));
        if self.sshd_log.is_none() || self.count(|line| line.starts_with("Accepted ") && line.contains(" ssh2")) > 0 {
            None
        } else if found >= 2 {
            Some(Refusal::Signature)
        } else if found == 1 && failed == 0 {
            Some(Refusal::NoSignature)
        } else {
            Some(Refusal::UnknownKey)
        }
    }

    fn count(&self, wanted: impl Fn(&str) -> bool) -> usize {
        self.sshd_log.iter().flatten().filter(|line| wanted(line)).count()
    }
}
