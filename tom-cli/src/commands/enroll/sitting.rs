//! What an enrolment is for: the policy, its evidence directory, the person. Everything is written once, at the end.

use super::Enrolled;
use super::entry::Entry;
use crate::arguments::EnrollOptions;
use crate::exit::Failure;
use crate::policy_source::{self, CANDIDATE, EvidenceFiles};
use libtom::policy::{PinStanding, Policy, Proof};
use libtom::proof::Trust;
use libtom::public_key::PublicKey;
use std::fmt::Display;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// One enrolment, prepared.
pub(super) struct Sitting {
    policy_path: PathBuf,
    evidence: PathBuf,
    /// The policy's text, where there is one.
    text: Option<String>,
    name: String,
    tokens: usize,
}

impl Sitting {
    /// Checks what can be checked without the token.
    pub(super) fn prepare(options: &EnrollOptions) -> Result<Self, Failure> {
        check_name("person", &options.person)?;
        check_name("label", &options.label)?;
        let policy_path = options.policy.clone().unwrap_or_else(|| PathBuf::from(CANDIDATE));
        let evidence = policy_path.parent().unwrap_or(Path::new("")).join("evidence");
        let is_there = policy_path.try_exists().unwrap_or(true);
        let mut sitting = Self {
            policy_path,
            evidence,
            text: None,
            name: format!("{}-{}", options.person, options.label),
            tokens: 0,
        };
        if is_there {
            let text =
                policy_source::text_of(&sitting.policy_path, policy_source::read_bounded(&sitting.policy_path)?)?;
            let policy = policy_source::parse(&sitting.policy_path, &text)?;
            sitting.tokens = tokens_of(&policy, options)?;
            sitting.text = Some(text);
        } else if options.write {
            let path = sitting.policy_path.display();
            return Err(Failure::not_checked(format!("{path} is not there: name the policy with --policy FILE")));
        }
        Ok(sitting)
    }

    pub(super) fn policy_path(&self) -> &Path {
        &self.policy_path
    }

    /// Is the new token the person's only one?
    pub(super) const fn is_first_token(&self) -> bool {
        self.tokens == 0
    }

    /// Asks the rules by which `tom apply` will judge: the policy with the entry is sound, and the key counts.
    pub(super) fn would_count(&self, entry: &Entry, enrolled: &Enrolled, trust: &Trust) -> Result<(), Failure> {
        let Some(text) = &self.text else { return Ok(()) };
        let policy = policy_source::parse(&self.policy_path, &format!("{text}{}", entry.text()))?;
        let key = PublicKey::parse(&enrolled.public)
            .map_err(|error| Failure::not_checked(format!("the new public key {error}")))?;
        let mut files = EvidenceFiles::new();
        for (_, ending, content) in &enrolled.evidence {
            files.insert(format!("{}{ending}", self.name), content.clone());
        }
        let read = policy_source::assessed(policy, &files, trust);
        let assessment = read.assessments.of(key.blob());
        if let Some(reason) = assessment.and_then(|assessment| assessment.reason.as_ref()) {
            let sentence = assessment.map_or("", |assessment| assessment.sentence.as_str());
            return Err(Failure::findings(vec![format!("this key is not enrolled: {reason}: {sentence}")]));
        }
        let standing = read.policy.keys.iter().find(|listed| listed.public == key).map(|listed| listed.pin);
        match standing {
            Some(PinStanding::Proven | PinStanding::Declared) => Ok(()),
            Some(PinStanding::FirmwareTooOld) => Err(Failure::findings(vec![format!(
                "this key is not enrolled: the token {}, and the policy takes {} or newer; firmware of a YubiKey \
                 cannot be updated",
                match enrolled.attested.facts.firmware {
                    Some(firmware) => format!("has firmware {firmware}"),
                    None => "does not attest its firmware".to_owned(),
                },
                read.policy.minimum_firmware.map_or_else(String::new, |minimum| minimum.to_string())
            )])),
            Some(PinStanding::NotProven | PinStanding::NotNeeded) | None => {
                Err(Failure::findings(vec!["this key is not enrolled: nothing proves its PIN".to_owned()]))
            }
        }
    }

    /// Writes the evidence; a file that is there already is never written over.
    pub(super) fn keep(&self, enrolled: &Enrolled) -> Result<Vec<String>, Failure> {
        fs::create_dir_all(&self.evidence).map_err(|error| self.failed(&self.evidence, &error))?;
        // Readable by those who may read the directory: _tom, on a host.
        let group = fs::metadata(&self.evidence).map(|metadata| metadata.gid()).ok();
        let mut kept = Vec::new();
        for (_, ending, content) in &enrolled.evidence {
            let path = self.evidence.join(format!("{}{ending}", self.name));
            let written =
                OpenOptions::new().write(true).create_new(true).mode(0o640).open(&path).and_then(|mut file| {
                    file.write_all(content)?;
                    let _ = std::os::unix::fs::fchown(&file, None, group);
                    file.sync_all()
                });
            if let Err(error) = written {
                for path in kept {
                    let _ = fs::remove_file(path);
                }
                return Err(self.failed(&path, &error));
            }
            kept.push(path.display().to_string());
        }
        Ok(kept)
    }

    /// Is evidence of this name there already?
    pub(super) fn refuse_taken(&self, endings: &[&str]) -> Result<(), Failure> {
        for ending in endings {
            let path = self.evidence.join(format!("{}{ending}", self.name));
            if path.symlink_metadata().is_ok() {
                return Err(Failure::not_checked(format!(
                    "{} is there already: take another --label, or move the file away",
                    path.display()
                )));
            }
        }
        Ok(())
    }

    /// Appends the entry to the policy: the new text beside the old one, then in its place in one step. The key is
    /// enrolled by now, so the entry is handed over whatever fails.
    pub(super) fn append(&self, entry: &Entry) -> Result<(), Failure> {
        let Some(text) = &self.text else { return Ok(()) };
        let failed = |path: &Path, error: &dyn Display| Failure::not_checked(format!("{}: {error}", path.display()));
        let now = fs::read(&self.policy_path).map_err(|error| failed(&self.policy_path, &error))?;
        if now != text.as_bytes() {
            return Err(failed(&self.policy_path, &"it was changed meanwhile: nothing was written to it"));
        }
        // A link to the policy stays one.
        let policy = fs::canonicalize(&self.policy_path).map_err(|error| failed(&self.policy_path, &error))?;
        let before = fs::metadata(&policy).map_err(|error| failed(&policy, &error))?;
        let new = policy.with_extension("toml.new");
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(before.mode() & 0o777)
            .open(&new)
            .map_err(|error| failed(&new, &error))?;
        let written = file.write_all(format!("{text}{}", entry.text()).as_bytes()).and_then(|()| {
            std::os::unix::fs::fchown(&file, Some(before.uid()), Some(before.gid()))?;
            file.set_permissions(before.permissions())?;
            file.sync_all()?;
            fs::rename(&new, &policy)
        });
        written.map_err(|error| {
            let _ = fs::remove_file(&new);
            failed(&policy, &error)
        })
    }

    fn failed(&self, path: &Path, error: &std::io::Error) -> Failure {
        Failure::not_checked(format!("{}: {error}; the key of '{}' is not enrolled", path.display(), self.name))
    }
}

/// How many tokens the person has, who must be one of the policy's.
fn tokens_of(policy: &Policy, options: &EnrollOptions) -> Result<usize, Failure> {
    let Some(number) = policy.persons.iter().position(|person| person.id == options.person) else {
        return Err(Failure::findings(vec![format!(
            "'{}' is no person of the policy: add a [[person]] with that id first",
            options.person
        )]));
    };
    if policy.keys_of(number).any(|key| key.label == options.label) {
        return Err(Failure::findings(vec![format!(
            "'{}' has a key with the label '{}' already: take another --label",
            options.person, options.label
        )]));
    }
    Ok(policy.keys_of(number).filter(|key| key.proof != Proof::None).count())
}

/// Names become parts of file names.
fn check_name(what: &str, name: &str) -> Result<(), Failure> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.is_empty() || name.len() > 64 || name.starts_with('-') || !name.chars().all(is_plain) {
        return Err(Failure::findings(vec![format!(
            "the {what} '{}' cannot be used: write letters, digits and hyphens",
            name.escape_default()
        )]));
    }
    Ok(())
}
