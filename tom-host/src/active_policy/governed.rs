//! /etc/tom/governed: whom the policy governs, as a plain list. `tom apply` writes it; it is read when
//! neither the active policy nor the fallback can be, which live together and can be lost together (an
//! unmounted /var, a wrong mode above them). Without it a named account would become an ordinary one.

use crate::trusted_file::{self, TrustError};
use libtom::host_policy::Governed;
use std::path::Path;

/// Where the list is.
pub(super) const LIST: &str = "/etc/tom/governed";

const LARGEST_LIST: u64 = super::LARGEST_POLICY;

const HEAD: &str =
    "# Whom the active policy governs on this host. Written by 'tom apply'; read when the policy cannot be.\n";

/// The list as text.
#[must_use]
pub fn write(governed: &Governed<'_>) -> String {
    let mut text = String::from(HEAD);
    let kinds = [
        ("account", &governed.accounts),
        ("caller", &governed.callers),
        ("group", &governed.admin_groups),
        ("exempt", &governed.exempt_services),
    ];
    for (kind, names) in kinds {
        for name in names {
            text.push_str(&format!("{kind} {name}\n"));
        }
    }
    text
}

/// What two lists govern together, exempting only what both exempt: for the moments in which either may be the one
/// that counts.
pub(super) fn either(old: &str, new: &str) -> String {
    let (mut both, other) = (parse(old), parse(new));
    both.exempt_services.retain(|service| other.exempt_services.contains(service));
    let pairs = [
        (&mut both.accounts, other.accounts),
        (&mut both.callers, other.callers),
        (&mut both.admin_groups, other.admin_groups),
    ];
    for (names, more) in pairs {
        names.extend(more);
        names.sort_unstable();
        names.dedup();
    }
    write(&both)
}

pub(super) fn read() -> Result<String, TrustError> {
    let bytes = trusted_file::read(Path::new(LIST), LARGEST_LIST)?;
    // A damaged name governs nobody; the others still count.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn parse(text: &str) -> Governed<'_> {
    let mut governed = Governed::default();
    for line in text.lines() {
        match line.split_once(' ').filter(|(_, name)| !name.is_empty()) {
            Some(("account", name)) => governed.accounts.push(name),
            Some(("caller", name)) => governed.callers.push(name),
            Some(("group", name)) => governed.admin_groups.push(name),
            Some(("exempt", name)) => governed.exempt_services.push(name),
            _ => {}
        }
    }
    governed
}

#[cfg(test)]
mod tests {
    use super::{either, parse, write};
    use libtom::host_policy::Governed;

    #[test]
    fn reads_what_it_writes() {
        let governed = Governed {
            accounts: vec!["deploy", "root"],
            callers: vec!["anna"],
            admin_groups: vec!["adm-web"],
            exempt_services: vec!["backup-agent"],
        };
        assert_eq!(parse(&write(&governed)), governed);
    }

    #[test]
    fn two_lists_govern_whom_either_governs() {
        let old = "account root\naccount deploy\ngroup a\nexempt x\nexempt y\n";
        let both = either(old, "account archive\naccount root\ncaller anna\nexempt y\nexempt z\n");
        let governed = parse(&both);
        assert_eq!(governed.accounts, ["archive", "deploy", "root"]);
        assert_eq!((governed.callers, governed.admin_groups), (vec!["anna"], vec!["a"]));
        assert_eq!(governed.exempt_services, ["y"]);
    }

    #[test]
    fn a_damaged_line_costs_no_other() {
        let governed = parse("account root\nnonsense\n\naccount\naccount \naccount deploy\n");
        assert_eq!(governed.accounts, ["root", "deploy"]);
    }
}
