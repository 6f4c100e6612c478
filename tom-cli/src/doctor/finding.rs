//! What is found, as values.

use serde::Serialize;

/// How bad a finding is. The order is that of reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// A way to become an administrator that does not pass tom, or a lock-out.
    Critical,
    /// It works, and will not for long, or holds less well than it should.
    Warning,
    /// Nothing is wrong; it should be known.
    Note,
}

/// One thing that is wrong, or should be known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Finding {
    pub(crate) severity: Severity,
    /// Stable, for filters and tickets.
    pub(crate) id: &'static str,
    pub(crate) what: String,
    pub(crate) why: String,
    pub(crate) fix: String,
    /// A file with its line, a process, an account.
    pub(crate) place: Option<String>,
}

impl Finding {
    fn new(severity: Severity, id: &'static str, what: impl Into<String>) -> Self {
        Self { severity, id, what: what.into(), why: String::new(), fix: String::new(), place: None }
    }

    /// A way in, or a lock-out.
    pub(crate) fn critical(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Critical, id, what)
    }

    /// Something to put in order.
    pub(crate) fn warning(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Warning, id, what)
    }

    /// Something to know.
    pub(crate) fn note(id: &'static str, what: impl Into<String>) -> Self {
        Self::new(Severity::Note, id, what)
    }

    /// Why it matters.
    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = why.into();
        self
    }

    /// What to do.
    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = fix.into();
        self
    }

    /// Where.
    pub(crate) fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }
}

/// Something that could not be checked: never the same as fine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Unknown {
    /// Stable, for filters and tickets.
    pub(crate) id: &'static str,
    /// What is not known.
    pub(crate) what: String,
    /// Why it could not be checked.
    pub(crate) why: String,
}

/// Everything that was found.
#[derive(Clone, Debug, Default)]
pub(crate) struct Findings {
    pub(crate) found: Vec<Finding>,
    pub(crate) unknown: Vec<Unknown>,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        self.found.push(finding);
    }

    pub(crate) fn add_all(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.found.extend(findings);
    }

    /// A check that could not be made.
    pub(crate) fn not_known(&mut self, id: &'static str, what: impl Into<String>, why: impl ToString) {
        self.unknown.push(Unknown { id, what: what.into(), why: why.to_string() });
    }

    /// The worst first, each once.
    pub(crate) fn sort(&mut self) {
        self.found.sort();
        self.found.dedup();
        self.unknown.sort();
        self.unknown.dedup();
    }
}
