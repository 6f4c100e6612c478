//! The change of the policy that makes a revocation lasting: the list is this host's alone.

use super::known_keys::{KnownKey, KnownKeys};
use crate::output;
use crate::policy_source::CANDIDATE;
use libtom::moment::Moment;
use libtom::policy::{MachineAccess, Policy, Position};
use tom_host::clock;

const SECONDS_OF_A_DAY: i64 = 86_400;

/// Where the entries stand, and what to write there.
pub(crate) fn advice(keys: &[KnownKey], known: &KnownKeys) -> String {
    let Some(policy) = &known.policy else {
        return format!(
            "\nOther hosts still take it, until the policy changes. {CANDIDATE} cannot be read as a policy here: take the \
             [[key]] or [[machine]] out of the one you keep, raise its serial, and apply it everywhere.\n"
        );
    };
    let yesterday = Moment::from_unix(clock::now().saturating_sub(SECONDS_OF_A_DAY)).to_string();
    // The date of a date-time.
    let yesterday = yesterday.split('T').next().unwrap_or_default();
    let mut text = String::from("\nTo make it lasting, on every host: in the policy\n");
    for key in keys {
        let line = match place(policy, key) {
            Some((position, "[[key]]")) => format!(
                "  {CANDIDATE}:{}: take the [[key]] of {} out, or give it valid-until = {yesterday}",
                position.line,
                key.name_in_list()
            ),
            Some((position, entry)) => {
                format!(
                    "  {CANDIDATE}:{}: take the {entry} {} out, or give it another key",
                    position.line,
                    key.name_in_list()
                )
            }
            None => format!("  {CANDIDATE} no longer has {}", key.title()),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(&format!(
        "and raise the serial (now {}); then 'tom apply', and the same on the other hosts.\n",
        policy.serial
    ));
    let mut holders: Vec<&str> = keys.iter().filter_map(|key| key.person().or(key.machine())).collect();
    holders.dedup();
    for key in holders.iter().flat_map(|holder| known.to_come(holder)) {
        text.push_str(&format!(
            "The candidate also has {}, which would count after 'tom apply' and is not revoked.\n",
            key.title()
        ));
    }
    output::plain_lines(&text)
}

/// Where the entry of a key stands, and what it is called.
fn place(policy: &Policy, key: &KnownKey) -> Option<(Position, &'static str)> {
    if let Some(entry) = policy.keys.iter().find(|entry| entry.public == key.public) {
        return Some((entry.position, "[[key]]"));
    }
    let machine = policy.machines.iter().find(|machine| match &machine.access {
        MachineAccess::Login { public, .. } => *public == key.public,
        MachineAccess::Sudo { .. } => false,
    })?;
    Some((machine.position, "[[machine]]"))
}
