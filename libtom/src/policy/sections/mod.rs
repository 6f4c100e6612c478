//! The sections of a policy, one file each.

mod expect;
mod general;
mod grant;
mod host;
mod key;
mod machine;
mod network;
mod person;
mod words;

pub(super) use expect::expectations;
pub(super) use general::{admin, operator, schema, serial, token};
pub(super) use grant::grants;
pub(super) use host::hosts;
pub(super) use key::{keys, operators_prove_their_keys};
pub(super) use machine::machines;
pub(super) use network::networks;
pub(super) use person::persons;

use super::section::Text;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// What has been named so far, so that later sections can mean it and nothing is named twice.
#[derive(Default)]
pub(super) struct Names {
    /// Persons by id.
    persons: BTreeMap<String, usize>,
    /// Machines by id.
    machines: BTreeMap<String, usize>,
    /// Networks by name.
    networks: BTreeMap<String, usize>,
    /// Customers that some host lists.
    customers: BTreeSet<String>,
    /// Key blobs, each with the name of the one who has it.
    keys: BTreeMap<Vec<u8>, String>,
    /// Places of the `proof` of each key, in the order of the keys.
    proofs: Vec<Range<usize>>,
}

/// Names that must be different, each seen once.
#[derive(Default)]
struct Once(BTreeSet<String>);

impl Once {
    /// Was it seen before?
    fn again(&mut self, name: &Text) -> bool {
        !self.0.insert(name.text.clone())
    }
}
