//! What is tested: the built programs, at their real paths.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

/// The hook of sshd.
pub(crate) const HOOK: &str = "/usr/lib/tom/tom-authorized-keys";

/// The directory of PAM modules.
fn modules() -> String {
    format!("/usr/lib/{}-linux-gnu/security", std::env::consts::ARCH)
}

/// The built programs, with the mode that the package gives them.
fn built() -> [(String, u32); 4] {
    [
        (HOOK.to_owned(), 0o755),
        ("/usr/lib/tom/tom-enroll-piv".to_owned(), 0o755),
        (format!("{}/pam_tom.so", modules()), 0o644),
        ("/usr/bin/tom".to_owned(), 0o755),
    ]
}

/// Where they are: `TOM_DIST`, or target/dist of the workspace, with their real paths below.
pub(crate) fn dist() -> PathBuf {
    std::env::var_os("TOM_DIST")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/dist"), PathBuf::from)
}

/// A built program, by its real path: `built_program("/usr/bin/tom")`.
#[must_use]
pub fn built_program(path: &str) -> PathBuf {
    dist().join(path.trim_start_matches('/'))
}

/// Copies them below `root`.
///
/// # Panics
/// If one is missing: a test without its subject must not look like one that passed.
pub(crate) fn install_built(root: &Path) {
    for (path, mode) in built() {
        let source = built_program(&path);
        let bytes = fs::read(&source).unwrap_or_else(|error| {
            panic!("{}: {error} (built programs go to target/dist or TOM_DIST)", source.display())
        });
        install(root, &path, &bytes, mode);
    }
    install_profiles(root);
    let anchors = "/usr/share/tom/trust";
    for entry in fs::read_dir(built_program(anchors)).expect("the trust anchors") {
        let file = entry.expect("an entry").path();
        let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
        install(root, &format!("{anchors}/{name}"), &fs::read(&file).expect("an anchor"), 0o644);
    }
}

/// What else the package brings: profiles for pam-auth-update, and the directories.
fn install_profiles(root: &Path) {
    for (name, text) in [("tom", crate::pam_stack::PROFILE), ("tom-observe", crate::pam_stack::OBSERVE_PROFILE)] {
        install(root, &format!("/usr/share/pam-configs/{name}"), text.as_bytes(), 0o644);
    }
}

/// Copies a module of the distribution's to the place of ours.
pub(crate) fn install_stand_in_module(root: &Path, module: &str) {
    let source = root.join(modules().trim_start_matches('/')).join(module);
    let bytes = fs::read(&source).unwrap_or_else(|error| panic!("{module}: {error}"));
    install(root, &format!("{}/pam_tom.so", modules()), &bytes, 0o644);
}

/// Writes a file that belongs to root, and its directories.
pub(crate) fn install(root: &Path, path: &str, bytes: &[u8], mode: u32) {
    let path = root.join(path.trim_start_matches('/'));
    fs::create_dir_all(path.parent().expect("a directory")).expect("its directories");
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("its mode");
    chown(&path, Some(0), Some(0)).expect("its owner");
}
