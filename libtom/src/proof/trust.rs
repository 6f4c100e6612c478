//! Trust anchors: makers whose signature counts. They are data, read from PEM files; a new one needs no new
//! release.
//!
//! Lines in front of a certificate that begin with `#` say what it is for:
//!
//! ```text
//! # vendor: Yubico
//! # purpose: piv            piv, fido, openpgp; several with spaces; chain: shown only; none: distrusted
//! # sha256: 63ece914…       of the certificate; one that does not fit is an error
//! -----BEGIN CERTIFICATE-----
//! ```
//!
//! A purpose holds for the certificates that follow in its file, too, until another is said. Without any, an anchor
//! counts for all three forms. An anchor is the **direct** issuer of a token's
//! certificate: chains have a fixed shape, and nothing in between is looked for.

use super::algorithm::CertifiedKey;
use super::certificate::{Certificate, Damage};
use super::facts::Form;
use super::pem;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// SHA-256 of an anchor's certificate.
pub type AnchorDigest = [u8; 32];

/// A maker's certificate that issues those of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Its SHA-256.
    pub digest: AnchorDigest,
    /// The maker.
    pub vendor: String,
    /// Where it was read.
    pub source: String,
    purposes: Purposes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Purposes {
    piv: bool,
    fido: bool,
    openpgp: bool,
}

/// Why a file of trust anchors cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}: {problem}")]
pub struct TrustFileError {
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub problem: TrustFileProblem,
}

/// What is wrong with a file of trust anchors.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TrustFileProblem {
    /// No certificate is in it, or one that cannot be read.
    #[error("{0}")]
    Damage(Damage),
    /// No certificate.
    #[error("no certificate is in it; a file of trust anchors is PEM")]
    Empty,
    /// Not UTF-8.
    #[error("it is no text; a file of trust anchors is PEM")]
    NoText,
    /// A purpose that is none.
    #[error("purpose '{0}' is not known; write piv, fido, openpgp, chain or none")]
    Purpose(String),
    /// The certificate is not the one that its file says.
    #[error("the certificate is not the one whose sha256 stands in front of it (found {0})")]
    Digest(String),
    /// A certificate of a token in an issuer's place: whoever has that token could attest anything.
    #[error("the certificate may not issue others (no CA:TRUE), so it is no maker's")]
    NotAnIssuer,
}

impl Anchor {
    /// The anchor as a file of trust anchors has it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        let purposes = [(self.purposes.piv, "piv"), (self.purposes.fido, "fido"), (self.purposes.openpgp, "openpgp")];
        let words: Vec<&str> = purposes.iter().filter(|(is, _)| *is).map(|(_, word)| *word).collect();
        let purpose = if words.is_empty() { "none".to_string() } else { words.join(" ") };
        let (digest, pem) = (hexadecimal(&self.digest), pem::encode(&self.der));
        // A maker called like the head of a certificate must not spoil the file.
        let vendor = self.vendor.replace("-----", "?");
        format!("# vendor: {vendor}\n# purpose: {purpose}\n# sha256: {digest}\n{pem}")
    }

    const fn is_for(&self, form: Form) -> bool {
        match form {
            Form::Piv => self.purposes.piv,
            Form::Fido => self.purposes.fido,
            Form::OpenPgp => self.purposes.openpgp,
        }
    }
}

/// All trust anchors, and the names of FIDO models.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    anchors: Vec<Anchor>,
    models: Vec<([u8; 16], String)>,
}

impl Trust {
    /// Nobody is trusted.
    #[must_use]
    pub const fn nobody() -> Self {
        Self { anchors: Vec::new(), models: Vec::new() }
    }

    /// Adds the anchors of a file. Of one certificate, what was added last counts: an operator's file can
    /// change the purpose of a shipped one, or take it away.
    ///
    /// # Errors
    /// Says what is wrong with the file; nothing of it was added then.
    pub fn add_file(&mut self, name: &str, content: &[u8]) -> Result<(), TrustFileError> {
        let anchors = read_file(name, content).map_err(|problem| TrustFileError { file: name.to_string(), problem })?;
        for anchor in anchors {
            self.anchors.retain(|known| known.digest != anchor.digest);
            self.anchors.push(anchor);
        }
        Ok(())
    }

    /// Keeps an anchor that is in use, unless the same certificate is known already.
    pub fn keep(&mut self, anchor: Anchor) {
        if !self.anchors.iter().any(|known| known.digest == anchor.digest) {
            self.anchors.push(anchor);
        }
    }

    /// Adds names of FIDO models: `AAGUID name` a line, `#` before a comment. Lines of another form are left out,
    /// since a name proves nothing.
    pub fn add_models(&mut self, text: &str) {
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            if let Some((aaguid, name)) = line.split_once(char::is_whitespace)
                && let Some(aaguid) = read_aaguid(aaguid)
            {
                self.models.push((aaguid, one_line(name)));
            }
        }
    }

    /// The name of a FIDO model.
    pub(super) fn model(&self, aaguid: &[u8; 16]) -> Option<&str> {
        self.models.iter().find(|(known, _)| known == aaguid).map(|(_, name)| name.as_str())
    }

    /// All anchors.
    #[must_use]
    pub fn anchors(&self) -> &[Anchor] {
        &self.anchors
    }

    /// The anchor that issued this certificate: names and signature agree.
    pub(super) fn issuer_of(&self, certificate: &Certificate<'_>, form: Form) -> Option<&Anchor> {
        self.anchors.iter().filter(|anchor| anchor.is_for(form)).find(|anchor| {
            Certificate::read(&anchor.der).is_ok_and(|issuer| {
                let key: &CertifiedKey<'_> = &issuer.key;
                issuer.subject == certificate.issuer && certificate.is_signed_by(key)
            })
        })
    }
}

fn read_file(name: &str, content: &[u8]) -> Result<Vec<Anchor>, TrustFileProblem> {
    let text = str::from_utf8(content).map_err(|_| TrustFileProblem::NoText)?;
    let blocks = pem::blocks(text).map_err(TrustFileProblem::Damage)?;
    if blocks.is_empty() {
        return Err(TrustFileProblem::Empty);
    }
    let mut purposes = Purposes { piv: true, fido: true, openpgp: true };
    blocks.into_iter().map(|block| read_anchor(name, block, &mut purposes)).collect()
}

/// `purposes` are those of the certificate before, which hold until others are said.
fn read_anchor(name: &str, block: pem::Block<'_>, purposes: &mut Purposes) -> Result<Anchor, TrustFileProblem> {
    let certificate = Certificate::read(&block.der).map_err(TrustFileProblem::Damage)?;
    // A root is one because it was put here; whatever others signed must be allowed to issue.
    let may_issue = certificate.is_issuer().map_err(TrustFileProblem::Damage)?;
    if !may_issue.unwrap_or_else(|| certificate.is_self_signed()) {
        return Err(TrustFileProblem::NotAnIssuer);
    }
    let digest = crate::host_policy::stored::digest(&block.der);
    let said = |key: &str| {
        let mut lines = block.before.iter().rev();
        // "Purpose: none" is meant as it stands; read as a mere comment, it would trust for everything.
        lines.find_map(|line| {
            let (word, value) = line.strip_prefix('#')?.split_once(':')?;
            word.trim().eq_ignore_ascii_case(key).then(|| value.trim())
        })
    };
    if let Some(expected) = said("sha256")
        && !expected.eq_ignore_ascii_case(&hexadecimal(&digest))
    {
        return Err(TrustFileProblem::Digest(hexadecimal(&digest)));
    }
    if let Some(words) = said("purpose") {
        *purposes = read_purposes(words)?;
    }
    let vendor = said("vendor").map(one_line).filter(|name| !name.is_empty());
    let vendor =
        vendor.or_else(|| certificate.organization().map(|name| one_line(&name)).filter(|name| !name.is_empty()));
    Ok(Anchor {
        purposes: *purposes,
        vendor: vendor.unwrap_or_else(|| "unnamed".to_string()),
        source: name.to_string(),
        digest,
        der: block.der,
    })
}

fn read_purposes(said: &str) -> Result<Purposes, TrustFileProblem> {
    let mut purposes = Purposes { piv: false, fido: false, openpgp: false };
    for word in said.split_ascii_whitespace() {
        match word {
            "piv" => purposes.piv = true,
            "fido" => purposes.fido = true,
            "openpgp" => purposes.openpgp = true,
            "chain" | "none" => {}
            other => return Err(TrustFileProblem::Purpose(one_line(other).chars().take(32).collect())),
        }
    }
    Ok(purposes)
}

/// Foreign text as a part of one line: nothing in it that a terminal obeys, and nothing that begins or ends PEM.
fn one_line(text: &str) -> String {
    let shown: String = text.chars().map(|c| if crate::policy::is_invisible(c) { '?' } else { c }).collect();
    shown.replace("-----", "?").trim().to_string()
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads `cb69481e-8ff7-4039-93ec-0a2729a154a8`.
fn read_aaguid(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}
