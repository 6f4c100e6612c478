//! `tom enroll`: a person's new token, in one sitting.
//!
//! The key is made on the token, what the token attests is verified as `tom apply` will verify it, and only then is
//! there a yes: the evidence is kept and the policy entry printed. Whatever fails before that leaves nothing behind.
//! No secret passes through here: ssh-keygen asks for a FIDO token's PIN, tom-enroll-piv for a PIV token's.

mod entry;
mod fido;
mod piv;
mod sitting;

use crate::arguments::{EnrollCommand, EnrollOptions};
use crate::commands::evidence::facts_in_words;
use crate::exit::{Exit, Failure};
use crate::output::{self, Paint};
use crate::trust_anchors;
use entry::Entry;
use libtom::proof::{Attested, Shortfall, Trust};
use sitting::Sitting;

/// A token that has made its key: the key and what stands for it.
struct Enrolled {
    /// `TYPE BASE64`.
    public: String,
    /// The word in the policy.
    proof: &'static str,
    /// Evidence files: the key in the policy, the end of the file's name, the content.
    evidence: [(&'static str, String, Vec<u8>); 2],
    /// What it proves.
    attested: Attested,
    /// What the person has to know beside.
    remarks: Vec<String>,
    /// A FIDO key's files, which appear only when the key is enrolled.
    key_files: Option<fido::KeyFiles>,
}

/// Enrols a token.
pub(crate) fn run(command: &EnrollCommand) -> Result<Exit, Failure> {
    let options = match command {
        EnrollCommand::Fido(options) => &options.common,
        EnrollCommand::Piv(options) => &options.common,
    };
    // Everything that can be refused without the token is refused before it is asked for anything.
    let trust = trust_anchors::read()?;
    let sitting = Sitting::prepare(options)?;
    let enrolled = match command {
        EnrollCommand::Fido(options) => fido::enroll(options, &sitting, &trust)?,
        EnrollCommand::Piv(options) => piv::enroll(options, &sitting, &trust)?,
    };
    let paint = Paint::for_stdout();
    let entry = Entry::new(options, &enrolled);
    judge(&entry, &enrolled, &sitting, &trust, paint).inspect_err(|_| {
        if let EnrollCommand::Piv(options) = command {
            piv::tell_of_the_key_left(options);
        }
    })?;
    if let Some(files) = &enrolled.key_files {
        files.hand_over()?;
    }
    let kept = sitting.keep(&enrolled).inspect_err(|_| {
        if let Some(files) = &enrolled.key_files {
            files.take_back();
        }
    })?;
    tell(options, &sitting, &entry, &enrolled, &kept, paint)
}

/// Says what is attested; the rest is whether that is enough, for tom and for the policy.
fn judge(entry: &Entry, enrolled: &Enrolled, sitting: &Sitting, trust: &Trust, paint: Paint) -> Result<(), Failure> {
    output::message(&format!("what the token's maker attests:\n{}", facts_in_words(&enrolled.attested.facts, paint)));
    if let Some(shortfall) = enrolled.attested.shortfall {
        return Err(Failure::findings(vec![format!("this key is not enrolled: {}", in_words(shortfall))]));
    }
    sitting.would_count(entry, enrolled, trust)
}

/// What is missing. The advice of the sentence for a key from elsewhere would send the person in circles here.
fn in_words(shortfall: Shortfall) -> String {
    if shortfall == Shortfall::NotProtected {
        return "the token may sign with this key without its PIN (credProtect 3 is missing), though it was asked to \
                protect it: its firmware is too old for that"
            .to_owned();
    }
    shortfall.to_string()
}

fn tell(
    options: &EnrollOptions,
    sitting: &Sitting,
    entry: &Entry,
    enrolled: &Enrolled,
    kept: &[String],
    paint: Paint,
) -> Result<Exit, Failure> {
    for path in kept {
        output::message(&format!("written: {path}"));
    }
    for remark in &enrolled.remarks {
        output::message(remark);
    }
    if options.write {
        sitting.append(entry).inspect_err(|_| {
            output::message(&format!(
                "the key is enrolled, but is not in {}; put this into it yourself:",
                sitting.policy_path().display()
            ));
            output::data(&entry.text());
        })?;
        output::message(&format!(
            "written: the entry, at the end of {}; raise its serial, then 'tom policy check' and 'tom apply'",
            sitting.policy_path().display()
        ));
    } else {
        output::message(&format!(
            "put this into {}, raise its serial, then 'tom policy check' and 'tom apply':",
            sitting.policy_path().display()
        ));
        output::data(&entry.text());
    }
    if sitting.is_first_token() {
        output::message(&paint.yellow(&format!(
            "warning: this is the only token of '{}': enrol a second one now; a lost token locks the person out",
            options.person
        )));
    }
    Ok(Exit::Fine)
}
