//! The maker and its roots.

use crate::certificate::{Certificate, Extension, Issuer, Name, pem};
use crate::key::PrivateKey;

/// The name of the root of PIV tokens; its key is `maker.key(PIV_ROOT)`.
pub const PIV_ROOT: &str = "Simulated PIV Root CA";
/// The name of the root of FIDO tokens; its key is `maker.key(FIDO_ROOT)`.
pub const FIDO_ROOT: &str = "Simulated FIDO Root CA";
/// The name of the root of OpenPGP cards; its key is `maker.key(OPENPGP_ROOT)`.
pub const OPENPGP_ROOT: &str = "Simulated OpenPGP Root CA";

/// A maker of tokens. Another name is another maker, with the same names on other keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Maker {
    name: String,
}

impl Maker {
    /// The maker of that name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    /// The key that this maker has for a purpose.
    #[must_use]
    pub fn key(&self, purpose: &str) -> PrivateKey {
        PrivateKey::derived(&format!("of maker {}: {purpose}", self.name))
    }

    /// The root of PIV tokens, DER.
    #[must_use]
    pub fn piv_root_der(&self) -> Vec<u8> {
        self.root(PIV_ROOT)
    }

    /// The root of PIV tokens, PEM.
    #[must_use]
    pub fn piv_root_pem(&self) -> String {
        pem(&self.root(PIV_ROOT))
    }

    /// The root of FIDO tokens, DER.
    #[must_use]
    pub fn fido_root_der(&self) -> Vec<u8> {
        self.root(FIDO_ROOT)
    }

    /// The root of FIDO tokens, PEM.
    #[must_use]
    pub fn fido_root_pem(&self) -> String {
        pem(&self.root(FIDO_ROOT))
    }

    /// The root of OpenPGP cards, DER.
    #[must_use]
    pub fn openpgp_root_der(&self) -> Vec<u8> {
        self.root(OPENPGP_ROOT)
    }

    /// The root of OpenPGP cards, PEM.
    #[must_use]
    pub fn openpgp_root_pem(&self) -> String {
        pem(&self.root(OPENPGP_ROOT))
    }

    fn root(&self, common_name: &str) -> Vec<u8> {
        let name = Name::common(common_name);
        let key = self.key(common_name);
        let mut root = Certificate::new(name.clone(), name, key.public());
        root.not_before = "20160314000000Z".to_owned();
        root.extensions.push(Extension::basic_constraints(true, None));
        root.signed_by(&key)
    }

    /// Signs a token's certificate as `issuer` says.
    pub(crate) fn issue(&self, root: &str, issuer: Issuer, mut of: Certificate, own_key: &PrivateKey) -> Vec<u8> {
        of.issuer = Name::common(root);
        match issuer {
            Issuer::Root => of.signed_by(&self.key(root)),
            Issuer::WrongRoot => {
                let wrong = if root == PIV_ROOT { FIDO_ROOT } else { PIV_ROOT };
                of.issuer = Name::common(wrong);
                of.signed_by(&self.key(wrong))
            }
            Issuer::OtherKey => of.signed_by(&self.key("another key under the root's name")),
            Issuer::SelfSigned => {
                of.issuer = of.subject.clone();
                of.signed_by(own_key)
            }
        }
    }
}
