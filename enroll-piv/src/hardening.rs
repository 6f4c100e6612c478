//! What the process does so that secrets and panics stay inside.

use rustix::process::{Resource, Rlimit, setrlimit};

/// The `yubikey` crate keeps the PIN in memory that it never wipes: no core file shall hold it.
pub(crate) fn no_core_dump() {
    // Lowering one's own limit cannot fail; were it to, the PIN is no less safe than before.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}

/// A card that answers nonsense makes the `yubikey` crate panic. Each call is caught, and told in our words.
pub(crate) fn silent_panics() {
    std::panic::set_hook(Box::new(|_| {}));
}
