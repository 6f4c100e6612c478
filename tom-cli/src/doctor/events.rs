//! What tom told the journal: changes that were undone or not taken; what an observing host would have refused.

use super::finding::{Finding, Findings};
use super::mode::Mode;
use crate::inspection::command;
use libtom::moment::Moment;
use serde::Serialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;
use tom_host::event::Kind;

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// So far back is looked.
pub(super) const DAYS: u8 = 30;
const LIMIT: Duration = Duration::from_secs(20);

/// Logins alike that an observing host would have refused.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct WouldRefuse {
    pub(crate) count: u64,
    pub(crate) account: String,
    pub(crate) service: String,
    /// The caller of su and sudo.
    pub(crate) invoker: Option<String>,
    pub(crate) person: Option<String>,
    pub(crate) from: Option<String>,
    pub(crate) reason: String,
}

/// Asks the journal. What would have been refused is known only where that can be read: nothing is not none.
pub(super) fn check(mode: Mode, findings: &mut Findings) -> Option<Vec<WouldRefuse>> {
    match read(&[
        Kind::RolledBack,
        Kind::ApplyRefused,
        Kind::LockoutAllowed,
        Kind::BreakGlassUsed,
        Kind::ConsoleByPassword,
    ]) {
        Ok(entries) => findings.add_all(told(&entries)),
        // Without a journal there is nothing to be reminded of; what would be refused is another matter.
        Err(_) if mode != Mode::Observe => {}
        Err(error) => findings.not_known("events", "whether changes were undone or not taken", error),
    }
    if mode != Mode::Observe {
        return None;
    }
    match read(&[Kind::WouldRefuse]) {
        Ok(entries) => Some(summed(&entries)),
        Err(error) => {
            let what = format!("what would have been refused within the last {DAYS} days");
            findings.not_known("would-refuse", what, error);
            None
        }
    }
}

/// Entries that root's programs wrote: anybody may send a record of any kind, but not with `_UID=0`.
fn read(kinds: &[Kind]) -> Result<Vec<Map<String, Value>>, String> {
    let since = format!("--since=-{DAYS}days");
    let mut arguments = vec!["-o", "json", "-q", "--no-pager", &since, "_UID=0"];
    let matches: Vec<String> = kinds.iter().map(|kind| format!("MESSAGE_ID={}", kind.message_id())).collect();
    arguments.extend(matches.iter().map(String::as_str));
    let text = command::stdout_of(JOURNALCTL, &arguments, LIMIT).map_err(|error| error.to_string())?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            serde_json::from_str(line).map_err(|error| format!("what {JOURNALCTL} says was not understood: {error}"))
        })
        .collect()
}

fn field<'e>(entry: &'e Map<String, Value>, name: &str) -> Option<&'e str> {
    entry.get(name)?.as_str().filter(|value| !value.is_empty())
}

fn when(entry: &Map<String, Value>) -> String {
    let micros: Option<i64> = field(entry, "__REALTIME_TIMESTAMP").and_then(|micros| micros.parse().ok());
    micros
        .map_or_else(|| "at some time".to_owned(), |micros| Moment::from_unix(micros.div_euclid(1_000_000)).to_string())
}

/// The last of each kind, and how many there were.
fn told(entries: &[Map<String, Value>]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (kind, id, why) in [
        (Kind::RolledBack, "change-undone", "what was changed then does not count"),
        (Kind::ApplyRefused, "change-refused", "what was meant to become active then did not"),
        (
            Kind::LockoutAllowed,
            "lockout-allowed",
            "somebody went past the check that keeps administrators from being locked out",
        ),
        (Kind::BreakGlassUsed, "break-glass-used", "the sealed token is no longer sealed"),
        (Kind::ConsoleByPassword, "console-by-password", "the console was opened without a token"),
    ] {
        let of_kind: Vec<&Map<String, Value>> =
            entries.iter().filter(|entry| field(entry, "MESSAGE_ID") == Some(kind.message_id())).collect();
        let Some(last) = of_kind.last() else { continue };
        let times = if of_kind.len() == 1 {
            String::new()
        } else {
            format!(" (and {} times before)", of_kind.len().saturating_sub(1))
        };
        let what = format!("{}: {}{times}", when(last), field(last, "MESSAGE").unwrap_or(kind.name()));
        findings.push(
            Finding::note(id, what)
                .why(why)
                .fix(format!("'journalctl MESSAGE_ID={} _UID=0' has all of it", kind.message_id())),
        );
    }
    findings
}

fn summed(entries: &[Map<String, Value>]) -> Vec<WouldRefuse> {
    let mut counts: BTreeMap<WouldRefuse, u64> = BTreeMap::new();
    for entry in entries {
        let text = |name: &str| field(entry, name).map(str::to_owned);
        let alike = WouldRefuse {
            count: 0,
            account: text("TOM_ACCOUNT").unwrap_or_default(),
            service: text("TOM_SERVICE").unwrap_or_default(),
            invoker: text("TOM_INVOKER"),
            person: text("TOM_PERSON"),
            from: text("TOM_FROM"),
            reason: text("TOM_REASON").unwrap_or_default(),
        };
        let count = counts.entry(alike).or_default();
        *count = count.saturating_add(1);
    }
    let mut all: Vec<WouldRefuse> = counts.into_iter().map(|(alike, count)| WouldRefuse { count, ..alike }).collect();
    all.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.cmp(b)));
    all
}

#[cfg(test)]
mod tests {
    use super::{summed, told};
    use serde_json::{Map, Value, json};
    use tom_host::event::Kind;

    fn entry(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn logins_alike_are_counted() {
        let one = json!({ "TOM_ACCOUNT": "root", "TOM_SERVICE": "sshd", "TOM_FROM": "192.0.2.9", "TOM_REASON": "key-unknown" });
        let other =
            json!({ "TOM_ACCOUNT": "root", "TOM_SERVICE": "su", "TOM_INVOKER": "acme", "TOM_REASON": "no-grant" });
        let found = summed(&[entry(other), entry(one.clone()), entry(one)]);
        assert_eq!((found.len(), found[0].count, found[1].invoker.as_deref()), (2, 2, Some("acme")));
        assert_eq!(summed(&[]), []);
    }

    #[test]
    fn the_last_of_a_kind_is_told() {
        let undone = |second: u32| {
            let micros = format!("17641632{second:02}000000");
            entry(
                json!({ "MESSAGE_ID": Kind::RolledBack.message_id(), "MESSAGE": "undone", "__REALTIME_TIMESTAMP": micros }),
            )
        };
        let found = told(&[undone(1), undone(2)]);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].what, "2025-11-26T13:20:02Z: undone (and 1 times before)");
    }
}
