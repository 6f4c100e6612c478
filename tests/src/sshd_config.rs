//! tom's lines for sshd, from the one text that the product installs (packaging/sshd/10-tom.conf,
//! where each line has its reason), and the bench's own.

use crate::release::Release;

/// tom's drop-in, with `Match @GOVERNED@` for the accounts that it governs.
pub const DROP_IN: &str = include_str!("../../packaging/sshd/10-tom.conf");

/// Where keys are when the hook is taken away.
pub(crate) const KEYS_INSTEAD: &str = "/etc/ssh/bench-keys";

/// Which of tom's layers in sshd are there. All, unless a test takes one away to see what the
/// others do alone.
#[derive(Clone, Copy, Debug)]
pub struct SshdLayers {
    /// Keys come from tom-authorized-keys; otherwise from files that the test writes.
    pub hook: bool,
    /// `PubkeyAuthOptions verify-required`.
    pub pin_option: bool,
}

impl SshdLayers {
    /// As the product installs it.
    #[must_use]
    pub fn all() -> Self {
        Self { hook: true, pin_option: true }
    }

    /// The drop-in for these governed accounts: one block by name, one by group.
    ///
    /// # Panics
    /// If the text lost its mark.
    #[must_use]
    pub fn drop_in(self, users: &[String], groups: &[String]) -> String {
        let start = DROP_IN.find("Match @GOVERNED@").expect("the mark of the block");
        let (global, block) = DROP_IN.split_at(start);
        let block: String = block.lines().filter_map(|line| self.line(line)).collect();
        let by_user = block.replace("@GOVERNED@", &format!("User {}", users.join(",")));
        let by_group = block.replace("@GOVERNED@", &format!("Group {}", groups.join(",")));
        format!("{global}{by_user}\n{by_group}")
    }

    fn line(self, line: &str) -> Option<String> {
        let keyword = line.split_whitespace().next().unwrap_or("");
        match keyword {
            "AuthorizedKeysCommand" | "AuthorizedKeysCommandUser" if !self.hook => None,
            "AuthorizedKeysFile" if !self.hook => Some(format!("    AuthorizedKeysFile {KEYS_INSTEAD}/%u\n")),
            "PubkeyAuthOptions" if !self.pin_option => None,
            _ => Some(format!("{line}\n")),
        }
    }
}

/// What the bench adds so that tests see more and do not disturb each other. Nothing here changes
/// who gets in.
pub(crate) fn bench_lines(release: Release) -> String {
    let mut lines = String::from("LogLevel DEBUG1\n");
    // OpenSSH 9.8 and later make an address wait after failures: tests fail on purpose, and often
    // from one address. 9.2 has neither the penalties nor the keyword.
    if release.has_penalties() {
        lines.push_str("PerSourcePenalties no\n");
    }
    lines
}
