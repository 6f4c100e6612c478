//! /etc/group, read by ourselves.
//!
//! What: the members that the host's own file gives to groups, beside what the C library answers.
//! Why: with Debian's `group: files systemd` the C library says "no such group", without an error,
//! while /etc/group is missing, unreadable or a directory, or while memory was short for a moment:
//! nss-systemd answered last, and answers for the group root itself (measured, see accounts.rs). An
//! administrator would then look like everybody else. What must never happen: that this file fails
//! silently, or waits, or that it takes anything away from what the C library said.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

/// Where the host's own groups are.
pub(crate) const PATH: &str = "/etc/group";
/// Far more than any host has.
const LIMIT: u64 = 32 * 1024 * 1024;

/// The text of /etc/group, known to hold the group of root.
pub(crate) struct LocalGroups(Vec<u8>);

/// One line of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct LocalGroup<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) gid: u32,
    members: &'a [u8],
}

impl<'a> LocalGroup<'a> {
    /// The names after the last colon.
    pub(crate) fn members(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.members.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
    }
}

impl LocalGroups {
    /// Reads the file. One without a group of number 0 is damaged, which is an error too.
    pub(crate) fn read() -> io::Result<Self> {
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(PATH)?;
        let kind = file.metadata()?.file_type();
        if kind.is_dir() {
            return Err(rustix::io::Errno::ISDIR.into());
        } else if !kind.is_file() {
            return Err(rustix::io::Errno::INVAL.into());
        }
        Self::from_file(&file)
    }

    fn from_file(file: &File) -> io::Result<Self> {
        let size = file.metadata()?.len();
        if size > LIMIT {
            return Err(rustix::io::Errno::FBIG.into());
        }
        let mut text = Vec::new();
        let room = usize::try_from(size.saturating_add(1)).unwrap_or(0);
        text.try_reserve(room).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        file.take(LIMIT).read_to_end(&mut text)?;
        let groups = Self(text);
        if !groups.iter().any(|group| group.gid == 0) {
            return Err(rustix::io::Errno::NODATA.into());
        }
        Ok(groups)
    }

    /// All its groups. As in the C library a line that is no entry is passed over.
    pub(crate) fn iter(&self) -> impl Iterator<Item = LocalGroup<'_>> {
        self.0.split(|byte| *byte == b'\n').filter_map(entry)
    }
}

fn entry(line: &[u8]) -> Option<LocalGroup<'_>> {
    let mut fields = line.trim_ascii_start().splitn(4, |byte| *byte == b':');
    let name = fields.next()?;
    let _password = fields.next()?;
    let gid = std::str::from_utf8(fields.next()?).ok()?.parse().ok()?;
    let members = fields.next().unwrap_or_default();
    let comment = name.is_empty() || name.starts_with(b"#");
    (!comment).then_some(LocalGroup { name, gid, members })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(line: &str) -> Option<(u32, Vec<String>)> {
        let group = entry(line.as_bytes())?;
        let names = group.members();
        let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
        Some((group.gid, names.collect()))
    }

    #[test]
    fn lines_of_etc_group() {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        assert_eq!(members("root:x:0:"), Some((0, vec![])));
        assert_eq!(members("sudo:x:27:anna,bert"), Some((27, list(&["anna", "bert"]))));
        assert_eq!(members("  sudo:x:27:anna,, bert ,"), Some((27, list(&["anna", "bert"]))));
        assert_eq!(members("sudo:!:27"), Some((27, vec![])));
        assert_eq!(members("a:x:4294967295:b:c"), Some((u32::MAX, list(&["b:c"]))));
        for line in [
            "",
            "#sudo:x:27:anna",
            "+",
            "+:::",
            "sudo",
            "sudo:x",
            "sudo:x:",
            "s:x:-1:a",
            "s:x:4294967296:a",
            "s:x:2 7:a",
            ":x:27:anna",
        ] {
            assert_eq!(members(line), None, "{line}");
        }
    }

    #[test]
    fn this_host_has_its_own() {
        let groups = LocalGroups::read().unwrap();
        assert!(groups.iter().any(|group| group.name == b"root"));
    }
}
