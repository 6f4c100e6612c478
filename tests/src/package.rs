//! The built Debian package, and variants of it for tests of upgrades.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::command::Output;
use crate::host::Host;

/// Files by their path below the root: mode, owner, group, bytes.
pub type Files = BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)>;

/// The paths that differ between two states of a host.
#[must_use]
pub fn changed(before: &Files, after: &Files) -> Vec<String> {
    let paths: BTreeSet<&PathBuf> = before.keys().chain(after.keys()).collect();
    let differing = paths.into_iter().filter(|path| before.get(*path) != after.get(*path));
    differing.map(|path| path.display().to_string()).collect()
}

/// Where a host finds the package that it is given.
const INBOX: &str = "/run/bench/packages";

/// A package file.
#[derive(Clone, Debug)]
pub struct Package {
    path: PathBuf,
    /// Whether it is a variant of ours, to be removed with this value.
    variant: bool,
}

impl Package {
    /// What `make deb` has built.
    ///
    /// # Panics
    /// If it is not there: a test without its subject must not look like one that passed.
    #[must_use]
    pub fn built() -> Self {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let name = format!("tom_{}_amd64.deb", env!("CARGO_PKG_VERSION"));
        let path = workspace.join("target/deb").join(name);
        assert!(path.exists(), "{}: not there ('make deb' builds it)", path.display());
        Self { path, variant: false }
    }

    /// The same package as another version, with its files changed by `edit`, which is given the
    /// directory that they are in (control files in DEBIAN).
    ///
    /// # Panics
    /// If dpkg-deb does not take it.
    #[must_use]
    pub fn variant(&self, version: &str, edit: impl FnOnce(&Path)) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("tom-package-{}-{number}", std::process::id()));
        let path = directory.with_extension("deb");
        dpkg_deb(&["--raw-extract", text(&self.path), text(&directory)]);
        let control = directory.join("DEBIAN/control");
        let fields = fs::read_to_string(&control).expect("control");
        let fields = fields.lines().map(|line| match line.split_once(' ') {
            Some(("Version:", _)) => format!("Version: {version}\n"),
            _ => format!("{line}\n"),
        });
        fs::write(&control, fields.collect::<String>()).expect("control");
        edit(&directory);
        // Fast: nobody keeps it.
        dpkg_deb(&["--root-owner-group", "-Zgzip", "-z1", "--build", text(&directory), text(&path)]);
        fs::remove_dir_all(&directory).expect("the directory goes");
        Self { path, variant: true }
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Package {
    fn drop(&mut self) {
        if self.variant {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Host {
    /// `dpkg ARGUMENTS`, without questions.
    #[must_use]
    pub fn dpkg(&self, arguments: &[&str]) -> Output {
        let command = self.command().env("DEBIAN_FRONTEND", "noninteractive");
        command.timeout(std::time::Duration::from_secs(120)).run([&["dpkg"], arguments].concat())
    }

    /// `dpkg OPERATION FILE`: `--install`, `--unpack`.
    #[must_use]
    pub fn dpkg_file(&self, operation: &str, package: &Package) -> Output {
        let bytes = fs::read(package.path()).expect("the package");
        let inside = format!("{INBOX}/{}", package.path().file_name().expect("a name").to_string_lossy());
        self.write(&inside, 0o644, bytes);
        self.dpkg(&[operation, &inside])
    }

    /// What dpkg says of tom: `installed`, `config-files`, `not-installed` …
    #[must_use]
    pub fn package_state(&self) -> String {
        let asked = self.run(["dpkg-query", "--show", "--showformat=${db:Status-Status}", "tom"]);
        if asked.success() { asked.stdout } else { "not-installed".to_owned() }
    }

    /// Everything below these paths of the host, with owner, mode and bytes, for comparison.
    ///
    /// # Panics
    /// If a path is not there.
    #[must_use]
    pub fn files_below(&self, paths: &[&str]) -> Files {
        let mut found = BTreeMap::new();
        for path in paths {
            collect(&self.path("/"), &self.path(path), &mut found);
        }
        found
    }
}

fn collect(root: &Path, path: &Path, found: &mut Files) {
    let metadata = fs::symlink_metadata(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let bytes = if metadata.is_symlink() {
        fs::read_link(path).expect("a link").into_os_string().into_encoded_bytes()
    } else if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("a directory") {
            collect(root, &entry.expect("an entry").path(), found);
        }
        Vec::new()
    } else {
        fs::read(path).expect("a file")
    };
    let name = path.strip_prefix(root).expect("below the root").to_owned();
    found.insert(name, (metadata.mode(), metadata.uid(), metadata.gid(), bytes));
}

fn dpkg_deb(arguments: &[&str]) {
    let output = Command::new("dpkg-deb").args(arguments).output().expect("dpkg-deb");
    assert!(output.status.success(), "dpkg-deb {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a path that is text")
}
