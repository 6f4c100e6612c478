//! The one line that tom-authorized-keys prints: all escaping lives here.
//!
//! Every byte of it comes from the policy, none from the client: the key is printed from the policy's
//! own bytes, names have passed the rules for names. The options and their order are those of
//! interfaces.md, "tom-authorized-keys"; their syntax is sshd(8), "AUTHORIZED_KEYS FILE FORMAT".

use crate::decision::{Allow, Principal};
use crate::network::NetworkSet;
use crate::public_key::encode_blob;
use alloc::format;
use alloc::string::String;

/// The line for an allowed offer, without a newline; nothing for an allow of another phase.
#[must_use]
pub fn line(allow: &Allow<'_>) -> Option<String> {
    let obligations = allow.obligations()?;
    let key_type = obligations.key.key_type;
    let mut options = String::new();
    if let Some(command) = obligations.forced_command {
        options.push_str("restrict,command=\"");
        options.push_str(&command.replace('"', "\\\""));
        options.push_str("\",");
    }
    if key_type.is_fido() {
        options.push_str("verify-required,");
    }
    options.push_str(&format!("from=\"{}\"", NetworkSet::union(obligations.from.iter().copied())));
    if let Some(ends) = obligations.ends {
        // An end that the option cannot say must not be left out.
        options.push_str(&format!(",expiry-time=\"{}\"", ends.as_expiry_time()?));
    }
    let comment = match allow.principal() {
        Principal::Person { person, key_label, .. } => format!("tom:{person}:{key_label}"),
        Principal::Machine { machine } => format!("tom:{machine}"),
        Principal::NotYetKnown => return None,
    };
    Some(format!("{options} {} {} {comment}", key_type.name(), encode_blob(obligations.key.blob)))
}
