//! The list of what was kept, and of what was not there.
//!
//! What must never happen: that something is taken away because its copy could not be seen. A disk that fails, or a
//! snapshot that is gone, looks like a file that was not there; only the list says that it was not.

use super::{SnapshotError, failed};
use crate::change::file::{self, Attributes};
use std::io;
use std::path::{Path, PathBuf};

const NAME: &str = "list";

/// What stood at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Was {
    Absent,
    File,
    /// A directory of which single files were kept.
    Directory,
    /// A directory that was kept whole.
    Tree,
}

impl Was {
    const ALL: [Self; 4] = [Self::Absent, Self::File, Self::Directory, Self::Tree];

    const fn word(self) -> &'static str {
        match self {
            Self::Absent => "absent",
            Self::File => "file",
            Self::Directory => "directory",
            Self::Tree => "tree",
        }
    }
}

/// Paths with what stood there, in the order in which they were looked at.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct List(Vec<(Was, PathBuf)>);

impl List {
    pub(super) fn add(&mut self, was: Was, path: &Path) {
        self.0.push((was, path.to_path_buf()));
    }

    /// What stood at a path.
    ///
    /// # Errors
    /// It was never looked at.
    pub(super) fn get(&self, path: &Path) -> Result<Was, SnapshotError> {
        let found = self.0.iter().find(|(_, listed)| listed == path).map(|(was, _)| *was);
        found.ok_or_else(|| failed(path, "found in the list of what was kept")(io::ErrorKind::NotFound.into()))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &(Was, PathBuf)> {
        self.0.iter()
    }

    /// The files that were kept of a directory.
    pub(super) fn files_in<'a>(&'a self, directory: &'a Path) -> impl Iterator<Item = &'a Path> {
        let files = self.0.iter().filter(|(was, _)| *was == Was::File).map(|(_, path)| path.as_path());
        files.filter(move |path| path.parent() == Some(directory))
    }

    pub(super) fn write_to(&self, directory: &Path) -> Result<(), SnapshotError> {
        let path = directory.join(NAME);
        let text: String = self.0.iter().map(|(was, path)| format!("{} {}\n", was.word(), path.display())).collect();
        file::write_new(&path, text.as_bytes(), Attributes::of_root(0o600)).map_err(failed(&path, "written"))
    }

    pub(super) fn read_from(directory: &Path) -> Result<Self, SnapshotError> {
        let path = directory.join(NAME);
        let read = file::read(&path).map_err(failed(&path, "read"))?;
        let (bytes, _) = read.ok_or_else(|| failed(&path, "read")(io::ErrorKind::NotFound.into()))?;
        Self::parse(&String::from_utf8_lossy(&bytes))
            .ok_or_else(|| failed(&path, "understood")(io::ErrorKind::InvalidData.into()))
    }

    fn parse(text: &str) -> Option<Self> {
        let entry = |line: &str| {
            let (word, path) = line.split_once(' ')?;
            let was = Was::ALL.into_iter().find(|was| was.word() == word)?;
            Some((was, PathBuf::from(path)))
        };
        text.lines().map(entry).collect::<Option<Vec<_>>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::{List, Was};
    use std::path::Path;

    #[test]
    fn what_is_not_listed_was_not_absent() {
        let list = List::parse("absent /a\nfile /b/c\ntree /d e\ndirectory /b\n").unwrap();
        assert_eq!(list.get(Path::new("/a")).unwrap(), Was::Absent);
        assert_eq!(list.get(Path::new("/d e")).unwrap(), Was::Tree);
        assert!(list.get(Path::new("/b/x")).is_err());
        assert_eq!(list.files_in(Path::new("/b")).collect::<Vec<_>>(), [Path::new("/b/c")]);
        assert_eq!(List::parse("gone /a\n"), None);
        assert_eq!(List::parse("file\n"), None);
    }
}
