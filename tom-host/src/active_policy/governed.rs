//! /etc/tom/governed: whom the policy governs, as a plain list. `tom apply` writes it; it is read when
//! neither the active policy nor the fallback can be, which live together and can be lost together (an
//! unmounted /var, a wrong mode above them). Without it a named account would become an ordinary one.

use crate::trusted_file::{self, TrustError};
use libtom::host_policy::Governed;
use std::path::Path;

/// Where the list is.
pub(super) const LIST: &str = "/etc/tom/governed";

const LARGEST_LIST: u64 = 1 << 20;

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

pub(super) fn read() -> Result<String, TrustError> {
    let bytes = trusted_file::read(Path::new(LIST), LARGEST_LIST)?;
    // A damaged name governs nobody; the others still count.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

pub(super) fn parse(text: &str) -> Governed<'_> {
    let mut governed = Governed::default();
    for line in text.lines() {
        match line.split_once(' ') {
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
    use super::{parse, write};
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
    fn a_damaged_line_costs_no_other() {
        let governed = parse("account root\nnonsense\n\naccount\naccount deploy\n");
        assert_eq!(governed.accounts, ["root", "deploy"]);
    }
}
