//! Tests that cannot run where they are.

use std::process::{Command, Stdio};

use crate::release::Release;

/// Says why a test does not run here. In CI a test that does not run has failed: this is the one
/// place that decides it.
///
/// # Panics
/// With `CI=true` in the environment.
pub fn skipped(reason: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "SKIPPED is a failure in CI: {reason}");
    eprintln!("SKIPPED: {reason}");
}

/// Runs a test on this release, or says why it can't. [`on_each_release!`](crate::on_each_release)
/// calls it.
pub fn run_on(release: Release, test: impl FnOnce(Release)) {
    match obstacle(release) {
        None => test(release),
        Some(reason) => skipped(&reason),
    }
}

/// What keeps a bench from running here, if anything does.
#[must_use]
pub fn obstacle(release: Release) -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("benches need root (namespaces, mounts)".to_owned());
    }
    let namespaces = Command::new("unshare")
        .args(["--mount", "--net", "--pid", "--uts", "--ipc", "--fork", "true"])
        .stdin(Stdio::null())
        .output();
    match namespaces {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            return Some(format!("no namespaces here: {}", said.trim()));
        }
        Err(error) => return Some(format!("unshare: {error}")),
    }
    release.root().err()
}

/// Makes a test for each Debian release: `name::bookworm` and `name::trixie`.
///
/// ```text
/// use tom_tests::{Bench, on_each_release};
///
/// on_each_release! {
///     /// What must happen, in a sentence.
///     fn the_name_of_the_test(release) {
///         let host = Bench::on(release).start();
///     }
/// }
/// ```
#[macro_export]
macro_rules! on_each_release {
    ($( $(#[$attribute:meta])* fn $name:ident($release:ident) $body:block )*) => { $(
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "a test may use nothing of its file")]
            use super::*;

            fn test($release: $crate::Release) $body

            #[test]
            fn bookworm() {
                $crate::run_on($crate::Release::Bookworm, test);
            }

            #[test]
            fn trixie() {
                $crate::run_on($crate::Release::Trixie, test);
            }
        }
    )* };
}
