//! The policy entry of a new key.

use super::Enrolled;
use crate::arguments::EnrollOptions;

/// `[[key]]` as it goes into a policy. Person and label have been checked; base64 and file names need no escaping.
pub(super) struct Entry {
    text: String,
}

impl Entry {
    pub(super) fn new(options: &EnrollOptions, enrolled: &Enrolled) -> Self {
        let [first, second] = &enrolled.evidence;
        let file = |ending: &str| format!("{}-{}{ending}", options.person, options.label);
        let text = format!(
            "\n[[key]]\nperson   = \"{}\"\nlabel    = \"{}\"\npublic   = \"{}\"\nproof    = \"{}\"\n\
             evidence = {{ {} = \"{}\", {} = \"{}\" }}\n",
            options.person,
            options.label,
            enrolled.public,
            enrolled.proof,
            first.0,
            file(&first.1),
            second.0,
            file(&second.1),
        );
        Self { text }
    }

    pub(super) fn text(&self) -> String {
        self.text.clone()
    }
}
