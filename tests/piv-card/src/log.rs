//! What was done with a card: a line each, without secrets.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// The lines, shared with the test that reads them.
#[derive(Clone, Debug, Default)]
pub struct Log {
    lines: Arc<Mutex<Vec<String>>>,
    file: Option<PathBuf>,
}

impl Log {
    pub(crate) fn to(file: Option<PathBuf>) -> Self {
        Self { lines: Arc::default(), file }
    }

    pub(crate) fn say(&self, line: String) {
        if let Some(file) = &self.file {
            // A test that asserts on this file sees that a line is missing.
            let _ = OpenOptions::new()
                .create(true)
                .append(true)
                .open(file)
                .and_then(|mut file| file.write_all(format!("{line}\n").as_bytes()));
        }
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many lines begin with these words: `log.count("verify wrong")`.
    #[must_use]
    pub fn count(&self, words: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(words)).count()
    }
}
