//! The session goes on record, so that `tom revoke` can end it, and comes off it.

use crate::transaction::Transaction;
use libtom::decision::{Key, Principal};
use libtom::public_key::Fingerprint;
use tom_host::clock;
use tom_host::sessions::{self, Process, Session, SessionsError};

/// Puts an allowed session on record, by the process that opens it: sshd's monitor, login, su, sudo. What is
/// done in the session descends from that one.
pub(crate) fn open(transaction: &Transaction, principal: &Principal<'_>) -> Result<(), SessionsError> {
    let (person, key_label, machine) = match principal {
        Principal::Person { person, key_label, .. } => (Some(*person), Some(*key_label), None),
        Principal::Machine { machine } => (None, None, Some(*machine)),
        Principal::NotYetKnown => return Ok(()),
    };
    let key_fingerprint = match &transaction.key {
        Key::Blob(blob) => Some(Fingerprint::of(blob).to_string()),
        Key::Missing | Key::Unreadable => None,
    };
    sessions::record(&Session {
        process: Process::this()?,
        person: person.map(str::to_owned),
        key_label: key_label.map(str::to_owned),
        key_fingerprint,
        machine: machine.map(str::to_owned),
        account: transaction.user.clone(),
        service: transaction.service.clone(),
        from: transaction.from.clone(),
        opened: clock::now(),
    })
}

/// Takes this process's session off the record, if it is there.
pub(crate) fn close() {
    if let Ok(process) = Process::this() {
        sessions::forget(&process);
    }
}
