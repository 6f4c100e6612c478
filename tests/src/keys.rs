//! Keys: simulated tokens, and keys in files.
//!
//! A key follows from its name: `Key::token("anna-blue")` is the same key everywhere, so that a
//! policy can name it before any host runs (`TOKEN(anna-blue)`, see [`crate::Bench::policy`]).

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use ring::digest;
use simulated_security_key::{Algorithm, KeyHandle, RIGHT_PIN, USER_PRESENT, USER_VERIFIED};

use crate::host::Host;
use crate::openssh_format::{Wire, private_key_file, public_line};

/// The application of SSH keys on tokens.
const APPLICATION: &str = "ssh:";

/// A key that somebody logs in with, and how its token and its owner behave.
#[derive(Clone, Debug)]
pub struct Key {
    name: String,
    public: String,
    source: Source,
    /// The variables that tell the simulated token what to do.
    token: Vec<(&'static str, String)>,
    /// What its owner types when asked.
    answer: String,
    certificate: Option<Box<Certificate>>,
}

#[derive(Clone, Debug)]
enum Source {
    /// On a token: what the client's file says, and the flags it says are needed.
    Token { handle: KeyHandle, asked: u8 },
    /// In a file.
    File(String),
}

/// A certificate that ssh-keygen will make.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    pub(crate) authority: Key,
    pub(crate) principals: String,
}

impl Key {
    /// A FIDO token with an Ed25519 key. Its owner enters the right PIN and touches it.
    #[must_use]
    pub fn token(name: &str) -> Self {
        Self::on_token(Algorithm::Ed25519, name)
    }

    /// A FIDO token with a P-256 key, otherwise like [`Key::token`].
    #[must_use]
    pub fn ecdsa_token(name: &str) -> Self {
        Self::on_token(Algorithm::EcdsaP256, name)
    }

    fn on_token(algorithm: Algorithm, name: &str) -> Self {
        let handle = KeyHandle::derived(algorithm, name, APPLICATION);
        let (key_type, blob) = token_blob(&handle);
        Self {
            name: name.to_owned(),
            public: public_line(key_type, &blob),
            source: Source::Token { handle, asked: USER_PRESENT | USER_VERIFIED },
            token: Vec::new(),
            answer: RIGHT_PIN.to_owned(),
            certificate: None,
        }
    }

    /// An Ed25519 key in a file: no token.
    #[must_use]
    pub fn file(name: &str) -> Self {
        let seed = digest::digest(&digest::SHA256, format!("key in a file {name}").as_bytes());
        let pair = ring::signature::Ed25519KeyPair::from_seed_unchecked(seed.as_ref()).expect("a seed of 32 bytes");
        let public = ring::signature::KeyPair::public_key(&pair).as_ref();
        let key_type = "ssh-ed25519";
        let blob = Wire::default().string(key_type.as_bytes()).string(public);
        let private = [seed.as_ref(), public].concat();
        let fields = blob.clone().string(&private);
        Self::in_file(name, public_line(key_type, &blob), private_key_file(&blob, &fields, name))
    }

    /// A P-256 key in a file. A PIV token's key looks like this to sshd, too.
    #[must_use]
    pub fn ecdsa_file(name: &str) -> Self {
        let seed = digest::digest(&digest::SHA256, format!("P-256 in a file {name}").as_bytes());
        let key = p256::ecdsa::SigningKey::from_slice(seed.as_ref()).expect("a P-256 scalar");
        let point = key.verifying_key().to_encoded_point(false);
        let key_type = "ecdsa-sha2-nistp256";
        let blob = Wire::default().string(key_type.as_bytes()).string(b"nistp256").string(point.as_bytes());
        let fields = blob.clone().number(&key.to_bytes());
        Self::in_file(name, public_line(key_type, &blob), private_key_file(&blob, &fields, name))
    }

    /// A new RSA key in a file. Unlike the others it does not follow from its name: make it once
    /// in a test. Takes about 0.2 s.
    ///
    /// # Panics
    /// If ssh-keygen fails.
    #[must_use]
    pub fn rsa_file(name: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = format!("tom-bench-rsa-{}-{number}", std::process::id());
        let dir = std::env::temp_dir().join(dir);
        std::fs::create_dir(&dir).expect("a directory for one RSA key");
        let path = dir.join("key");
        let made = Command::new("ssh-keygen")
            .args(["-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", name, "-f"])
            .arg(&path)
            .status();
        let private = std::fs::read_to_string(&path);
        let public = std::fs::read_to_string(dir.join("key.pub"));
        std::fs::remove_dir_all(&dir).expect("removed");
        assert!(made.expect("ssh-keygen runs").success(), "ssh-keygen made no RSA key");
        let public = public.expect("the public key");
        let words: Vec<&str> = public.split_whitespace().take(2).collect();
        Self::in_file(name, words.join(" "), private.expect("the private key"))
    }

    /// The key whose files ssh-keygen wrote on this host: `path` and `path.pub`. Its owner enters the right PIN of a
    /// simulated token, should it be on one.
    ///
    /// # Panics
    /// If one of the files is not there.
    #[must_use]
    #[track_caller]
    pub fn on_host(host: &Host, path: &str) -> Self {
        let read = |path: &str| match std::fs::read_to_string(host.path(path)) {
            Ok(text) => text,
            Err(error) => panic!("{path}: {error}"),
        };
        let public: Vec<String> = read(&format!("{path}.pub")).split_whitespace().take(2).map(str::to_owned).collect();
        Self { answer: RIGHT_PIN.to_owned(), ..Self::in_file(path, public.join(" "), read(path)) }
    }

    fn in_file(name: &str, public: String, private: String) -> Self {
        Self {
            name: name.to_owned(),
            public,
            source: Source::File(private),
            token: Vec::new(),
            answer: String::new(),
            certificate: None,
        }
    }

    /// The public key as policies and authorized_keys have it: `TYPE BASE64`.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// The same in two: type and blob, as sshd hands them to the hook.
    ///
    /// # Panics
    /// Never: each key has both.
    #[must_use]
    pub fn words(&self) -> (&str, &str) {
        self.public.split_once(' ').expect("type and blob")
    }

    /// The name that it was made with.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Touched only: neither client nor token asks for the PIN, the signature has UP alone.
    #[must_use]
    pub fn without_pin(self) -> Self {
        self.asking_for(USER_PRESENT)
    }

    /// PIN but no touch: the signature has UV alone.
    #[must_use]
    pub fn without_touch(self) -> Self {
        self.asking_for(USER_VERIFIED)
    }

    /// Its owner mistypes the PIN.
    #[must_use]
    pub fn with_wrong_pin(mut self) -> Self {
        "000000".clone_into(&mut self.answer);
        self
    }

    /// Its owner gives this answer when asked for the PIN.
    #[must_use]
    pub fn with_pin(mut self, answer: &str) -> Self {
        answer.clone_into(&mut self.answer);
        self
    }

    /// A token that signs these flags whatever happened.
    #[must_use]
    pub fn signing_flags(mut self, flags: u8) -> Self {
        self.token.push(("SIMULATED_KEY_SIGNED_FLAGS", flags.to_string()));
        self
    }

    /// A token that was touched only, and says that the PIN was entered: the flags on the wire
    /// are not those that it signed.
    #[must_use]
    pub fn lying_about_pin(mut self) -> Self {
        let claimed = USER_PRESENT | USER_VERIFIED;
        self.token.push(("SIMULATED_KEY_CLAIMED_FLAGS", claimed.to_string()));
        self.without_pin()
    }

    /// A token with this signature counter.
    #[must_use]
    pub fn with_counter(mut self, counter: u32) -> Self {
        self.token.push(("SIMULATED_KEY_COUNTER", counter.to_string()));
        self
    }

    /// A token that insists on its PIN for each signature, also when the client does not ask.
    #[must_use]
    pub fn always_wanting_pin(mut self) -> Self {
        self.token.push(("SIMULATED_KEY_PIN_RULE", "always".to_owned()));
        self
    }

    /// The same key with an SSH certificate of `authority` for these principals (`root,bert`; none if empty).
    #[must_use]
    pub fn certified_by(mut self, authority: &Self, principals: &str) -> Self {
        let principals = principals.to_owned();
        self.certificate = Some(Box::new(Certificate { authority: authority.clone(), principals }));
        self
    }

    fn asking_for(mut self, flags: u8) -> Self {
        match &mut self.source {
            Source::Token { asked, .. } => *asked = flags,
            Source::File(_) => panic!("{} is no token", self.name),
        }
        self
    }

    pub(crate) fn certificate(&self) -> Option<&Certificate> {
        self.certificate.as_deref()
    }

    pub(crate) fn token_environment(&self) -> &[(&'static str, String)] {
        &self.token
    }

    pub(crate) fn answer(&self) -> &str {
        &self.answer
    }

    /// The client's private key file.
    pub(crate) fn private_file(&self) -> String {
        match &self.source {
            Source::File(text) => text.clone(),
            Source::Token { handle, asked } => {
                let (_, blob) = token_blob(handle);
                let fields = blob.clone().byte(*asked).string(&handle.to_bytes()).string(b"");
                private_key_file(&blob, &fields, &self.name)
            }
        }
    }
}

/// The type and the public blob of a token's key.
fn token_blob(handle: &KeyHandle) -> (&'static str, Wire) {
    let public = handle.public_key().expect("a usable seed");
    let (key_type, blob) = match handle.algorithm {
        Algorithm::Ed25519 => {
            let key_type = "sk-ssh-ed25519@openssh.com";
            (key_type, Wire::default().string(key_type.as_bytes()))
        }
        Algorithm::EcdsaP256 => {
            let key_type = "sk-ecdsa-sha2-nistp256@openssh.com";
            (key_type, Wire::default().string(key_type.as_bytes()).string(b"nistp256"))
        }
    };
    (key_type, blob.string(&public).string(APPLICATION.as_bytes()))
}

/// The built token library, which stands beside the test program or one level up:
/// cargo builds it with this crate. `TOM_SECURITY_KEY` names another.
pub(crate) fn token_library() -> std::path::PathBuf {
    const NAME: &str = "libsimulated_security_key.so";
    if let Some(path) = std::env::var_os("TOM_SECURITY_KEY") {
        return path.into();
    }
    let program = std::env::current_exe().expect("the path of this program");
    let dir = program.parent().unwrap_or(Path::new("/"));
    [dir.join(NAME), dir.join("deps").join(NAME), dir.join("..").join("deps").join(NAME)]
        .into_iter()
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no {NAME} beside {}", program.display()))
}
