//! What the process does so that secrets and panics stay inside.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// The `yubikey` crate keeps the PIN in memory that it never wipes: no core file shall hold it, and no other
/// process of the same account read it.
pub(crate) fn no_core_dump() {
    // Neither can fail; were one to, the PIN is no less safe than before.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// A card that answers nonsense makes the `yubikey` crate panic. Each call is caught, and told in our words.
pub(crate) fn silent_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}
