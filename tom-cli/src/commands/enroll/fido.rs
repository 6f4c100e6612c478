//! A FIDO token: ssh-keygen makes the key, with the options without which nothing would be proven.

use super::{Enrolled, Sitting};
use crate::arguments::EnrollFidoOptions;
use crate::exit::Failure;
use crate::output;
use crate::policy_source::{read_bounded, text_of};
use libtom::moment::Moment;
use libtom::proof::{EnrolmentChallenge, Trust, fido};
use libtom::public_key::PublicKey;
use std::fs::{self, DirBuilder, File};
use std::io::Read;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use tom_host::{accounts, clock, interrupts};

/// Makes the key; its files appear only when it is proven.
pub(super) fn enroll(options: &EnrollFidoOptions, sitting: &Sitting, trust: &Trust) -> Result<Enrolled, Failure> {
    sitting.refuse_taken(&[".attest", ".challenge"])?;
    let key_file = key_file(options)?;
    let workshop = Workshop::beside(&key_file)?;
    let challenge = challenge(options)?;
    fs::write(workshop.path("challenge"), &challenge).map_err(|error| workshop.failed(&error))?;
    output::message("ssh-keygen now makes the key: enter the token's PIN and touch it when it blinks");
    make(options, &workshop)?;

    let line = read_text(&workshop.path("key.pub"))?;
    let key = PublicKey::parse(&line).map_err(|error| Failure::not_checked(format!("the new public key {error}")))?;
    let attestation = read_bounded(&workshop.path("attestation"))?;
    let attested = fido::verify(&key, &attestation, challenge.as_bytes(), trust).map_err(|refusal| {
        Failure::findings(vec![format!("this key is not enrolled, and was thrown away: {}: {refusal}", refusal.name())])
    })?;
    let words: Vec<&str> = line.split_ascii_whitespace().take(2).collect();
    Ok(Enrolled {
        public: words.join(" "),
        proof: "fido",
        evidence: [
            ("attestation", ".attest".to_owned(), attestation),
            ("challenge", ".challenge".to_owned(), challenge.into_bytes()),
        ],
        attested,
        remarks: vec![format!(
            "written: {0} and {0}.pub; the first belongs on the person's workstation, and is useless without the token",
            key_file.display()
        )],
        key_files: Some(KeyFiles { workshop, key_file }),
    })
}

fn make(options: &EnrollFidoOptions, workshop: &Workshop) -> Result<(), Failure> {
    let kind = if options.ecdsa { "ecdsa-sk" } else { "ed25519-sk" };
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-t", kind, "-N", "", "-O", "verify-required"]);
    command.arg("-O").arg(format!("challenge={}", workshop.path("challenge").display()));
    command.arg("-O").arg(format!("write-attestation={}", workshop.path("attestation").display()));
    command.arg("-O").arg(format!("application={}", options.application));
    if options.resident {
        command.args(["-O", "resident"]);
    }
    command.arg("-C").arg(format!("tom:{}:{}", options.common.person, options.common.label));
    command.arg("-f").arg(workshop.path("key"));
    // Ctrl-C ends ssh-keygen, and then the enrolment, with the workshop cleared away.
    interrupts::outlive();
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::findings(vec![
            "ssh-keygen made no key: a wrong PIN, no token, or a token without a PIN ('ykman fido access change-pin' \
             sets one); an older token may need --ecdsa"
                .to_owned(),
        ])),
        Err(error) => Err(Failure::not_checked(format!(
            "ssh-keygen cannot be run: {error}; install openssh-client (8.4 or newer)"
        ))),
    }
}

/// Names person, label and moment, and is never the same twice.
fn challenge(options: &EnrollFidoOptions) -> Result<String, Failure> {
    let mut nonce = [0; 32];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut nonce))
        .map_err(|error| Failure::not_checked(format!("/dev/urandom: {error}")))?;
    let made_for = EnrolmentChallenge { person: &options.common.person, label: &options.common.label };
    Ok(made_for.text(Moment::from_unix(clock::now()), &nonce))
}

fn key_file(options: &EnrollFidoOptions) -> Result<PathBuf, Failure> {
    let path = match &options.key {
        Some(path) => path.clone(),
        None => {
            let home = std::env::home_dir().ok_or_else(|| {
                Failure::not_checked("there is no home directory: name the key's file with --key FILE")
            })?;
            home.join(".ssh").join(format!("id_tom_{}", options.common.label))
        }
    };
    for path in [path.clone(), public_file(&path)] {
        if path.symlink_metadata().is_ok() {
            return Err(Failure::not_checked(format!(
                "{} is there already: name another file with --key FILE",
                path.display()
            )));
        }
    }
    Ok(path)
}

/// `FILE.pub`, where ssh looks for it, also of a FILE with a dot in its name.
fn public_file(key_file: &Path) -> PathBuf {
    let mut name = key_file.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn read_text(path: &Path) -> Result<String, Failure> {
    text_of(path, read_bounded(path)?)
}

/// The new key's files, still in the workshop: dropping this throws the key away.
pub(super) struct KeyFiles {
    workshop: Workshop,
    key_file: PathBuf,
}

impl KeyFiles {
    /// Puts both where they were asked for, or none.
    pub(super) fn hand_over(&self) -> Result<(), Failure> {
        self.workshop.hand_over("key", &self.key_file)?;
        self.workshop.hand_over("key.pub", &public_file(&self.key_file)).inspect_err(|_| {
            let _ = fs::remove_file(&self.key_file);
        })
    }

    /// Takes both away again.
    pub(super) fn take_back(&self) {
        for path in [self.key_file.clone(), public_file(&self.key_file)] {
            let _ = fs::remove_file(path);
        }
    }
}

/// Whoever else can write a directory can put another in the workshop's place, with links in it, and have files of
/// the caller's written over. In one like /tmp they cannot.
fn refuse_shared(directory: &Path) -> Result<(), Failure> {
    let shown = directory.display();
    let found = directory.metadata().map_err(|error| Failure::not_checked(format!("{shown}: {error}")))?;
    let is_ours = found.uid() == 0 || found.uid() == accounts::effective_uid();
    let is_shared = found.mode() & 0o022 != 0 && found.mode() & 0o1000 == 0;
    if is_ours && !is_shared {
        return Ok(());
    }
    Err(Failure::not_checked(format!(
        "{shown}: others can write this directory: name a --key FILE in one of your own, or run this as its owner"
    )))
}

/// A private directory beside the key's file, gone with the enrolment.
struct Workshop {
    directory: PathBuf,
}

impl Workshop {
    fn beside(key_file: &Path) -> Result<Self, Failure> {
        let parent = key_file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let directory = parent.join(format!(".tom-enroll-{}", std::process::id()));
        let failed = |error: std::io::Error| Failure::not_checked(format!("{}: {error}", directory.display()));
        // ~/.ssh is there, or made as ssh would make it; this directory must be new.
        DirBuilder::new().mode(0o700).recursive(true).create(parent).map_err(failed)?;
        refuse_shared(parent)?;
        DirBuilder::new().mode(0o700).create(&directory).map_err(failed)?;
        Ok(Self { directory })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Links first: a file that has appeared meanwhile is not written over.
    fn hand_over(&self, name: &str, to: &Path) -> Result<(), Failure> {
        fs::hard_link(self.path(name), to)
            .map_err(|error| Failure::not_checked(format!("{}: {error}; the key was thrown away", to.display())))
    }

    fn failed(&self, error: &std::io::Error) -> Failure {
        Failure::not_checked(format!("{}: {error}", self.directory.display()))
    }
}

impl Drop for Workshop {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}
