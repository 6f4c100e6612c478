//! What can be wrong with a file.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::net::UnixListener;

use crate::host::Host;

/// What is done to a file or directory.
#[derive(Clone, Debug)]
pub enum Damage {
    /// It is moved away.
    Missing,
    /// Nothing is in it.
    Empty,
    /// It ends after so many bytes.
    Truncated(u64),
    /// One bit of one byte is another.
    Flipped(usize),
    /// This stands in it.
    Holds(Vec<u8>),
    /// 100 MB, sparse, behind its content.
    Huge,
    /// It belongs to uid 2001.
    Owner,
    /// Its group may write it.
    GroupWritable,
    /// Anybody may write it.
    WorldWritable,
    /// A link to the sound one.
    Link,
    /// A link to nothing.
    LinkToNothing,
    /// A directory in its place.
    Directory,
    /// A file in its place.
    File,
    /// A FIFO that nobody writes.
    Fifo,
    /// A socket that nobody reads.
    Socket,
    /// /dev/zero's number.
    Device,
}

impl Damage {
    /// Does it to `path`.
    ///
    /// # Panics
    /// If it can't.
    pub fn inflict(&self, host: &Host, path: &str) {
        let real = host.path(path);
        let aside = "/var/lib/tom.aside";
        let replaced_by = |command: &[&str]| {
            host.run(["mv", "-T", path, aside]).expect_success();
            if !command.is_empty() {
                host.run(command).expect_success();
            }
        };
        let mode = |bits| fs::set_permissions(&real, Permissions::from_mode(bits)).expect("its mode");
        let length = |bytes| {
            let file = File::options().write(true).open(&real).expect("the file");
            file.set_len(bytes).expect("its length");
        };
        match self {
            Self::Missing => replaced_by(&[]),
            Self::Empty if real.is_dir() => replaced_by(&["mkdir", "-m", "755", path]),
            Self::Empty => length(0),
            Self::Truncated(bytes) => length(*bytes),
            Self::Flipped(place) => {
                let mut bytes = fs::read(&real).expect("the file");
                let count = bytes.len();
                bytes[(place / 8) % count] ^= 1 << (place % 8);
                fs::write(&real, bytes).expect("written");
            }
            Self::Holds(bytes) => fs::write(&real, bytes).expect("written"),
            Self::Huge => length(100 << 20),
            Self::Owner => chown(&real, Some(2001), None).expect("its owner"),
            Self::GroupWritable => mode(if real.is_dir() { 0o770 } else { 0o660 }),
            Self::WorldWritable => mode(if real.is_dir() { 0o757 } else { 0o646 }),
            Self::Link => {
                replaced_by(&[]);
                symlink(aside, &real).expect("a link");
            }
            Self::LinkToNothing => {
                replaced_by(&[]);
                symlink("/nowhere", &real).expect("a link");
            }
            Self::Directory => replaced_by(&["mkdir", "-m", "755", path]),
            Self::File => replaced_by(&["install", "-m", "644", "/etc/hostname", path]),
            Self::Fifo => replaced_by(&["mkfifo", "-m", "644", path]),
            Self::Socket => {
                replaced_by(&[]);
                drop(UnixListener::bind(&real).expect("a socket"));
                mode(0o644);
            }
            Self::Device => replaced_by(&["mknod", "-m", "644", path, "c", "1", "5"]),
        }
    }
}
