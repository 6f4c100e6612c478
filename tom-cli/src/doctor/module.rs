//! The PAM module as a file: a broken one does not refuse, it kills the process that loads it.

use super::finding::{Finding, Findings};
use crate::change::pam_lines::modules;
use std::fs;
use std::io;

/// Machine numbers of ELF (e_machine), for the architectures that tom is built for.
const MACHINES: [(&str, u16); 2] = [("x86_64", 62), ("aarch64", 183)];

/// Looks at the file.
pub(super) fn check(findings: &mut Findings) {
    let path = format!("{}/pam_tom.so", modules());
    match fs::read(&path) {
        Ok(bytes) => {
            let machine = MACHINES.iter().find(|(name, _)| *name == std::env::consts::ARCH).map(|(_, number)| *number);
            findings.add_all(judge(&bytes, machine).map(|finding| finding.at(path)));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => findings.add(
            Finding::critical("module-missing", "the module pam_tom.so is missing")
                .why(
                    "PAM passes over it: address and revocation are left to sshd's lines alone, nobody is named in \
                     the log, and nobody gets in at the console or by sudo",
                )
                .fix("install the package again, or 'tom disable'")
                .at(path),
        ),
        Err(error) => findings.not_known("module", "whether the module can be loaded", format!("{path}: {error}")),
    }
}

fn judge(bytes: &[u8], machine: Option<u16>) -> Option<Finding> {
    let number = |at: usize, length: usize| -> Option<u64> {
        let bytes = bytes.get(at..at.checked_add(length)?)?;
        Some(bytes.iter().rev().fold(0_u64, |value, byte| value.wrapping_shl(8) | u64::from(*byte)))
    };
    let broken = |what: &str| {
        Some(
            Finding::critical("module-damaged", format!("the module pam_tom.so is damaged: {what}"))
                .why("a module that is cut short kills what loads it (SIGBUS): every login, sudo and cron job")
                .fix("install the package again at once; until then keep this session open"),
        )
    };
    // ELF, 64 bits, little endian; then the headers' places.
    if bytes.get(..6) != Some(b"\x7fELF\x02\x01") {
        return Some(
            Finding::critical("module-damaged", "pam_tom.so is no module for this kind of machine")
                .why("PAM cannot load it, and passes over it as if it were missing")
                .fix("install the package again"),
        );
    }
    if let (Some(expected), Some(found)) = (machine, number(18, 2))
        && u64::from(expected) != found
    {
        return Some(
            Finding::critical("module-other-architecture", "the module pam_tom.so is for another architecture")
                .why("PAM cannot load it, and passes over it as if it were missing")
                .fix("install the package for this architecture"),
        );
    }
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    let end = |offset: Option<u64>, size: Option<u64>| offset?.checked_add(size?);
    let table = |offset: usize, entry: usize, count: usize| {
        end(number(offset, 8), number(entry, 2)?.checked_mul(number(count, 2)?))
    };
    // Program and section headers lie within the file, and what the program headers load does too.
    let (Some(programs), Some(sections)) = (table(32, 54, 56), table(40, 58, 60)) else {
        return broken("its header is cut short");
    };
    if programs > length || sections > length {
        return broken("it is cut short");
    }
    let (start, size, count) = (number(32, 8)?, number(54, 2)?, number(56, 2)?);
    for index in 0..count {
        let at = usize::try_from(start.checked_add(index.checked_mul(size)?)?).ok()?;
        let (offset, bytes) = (number(at.checked_add(8)?, 8), number(at.checked_add(32)?, 8));
        if end(offset, bytes).is_none_or(|end| end > length) {
            return broken("it is cut short");
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{MACHINES, judge};

    #[test]
    fn this_program_is_whole_and_a_part_of_it_is_not() {
        let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        let machine = MACHINES.iter().find(|(name, _)| *name == std::env::consts::ARCH).map(|(_, number)| *number);
        assert_eq!(judge(&bytes, machine), None);
        for length in [0, 3, 20, 100, 5000, bytes.len() / 2, bytes.len() - 1] {
            let found = judge(&bytes[..length], machine).unwrap();
            assert_eq!(found.id, "module-damaged", "{length}");
        }
        assert_eq!(judge(&bytes, Some(1)).unwrap().id, "module-other-architecture");
        assert_eq!(judge(b"twenty bytes of text", machine).unwrap().id, "module-damaged");
    }
}
