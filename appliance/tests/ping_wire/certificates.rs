//! A programme's authority, the province's certificate, and a box's.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair,
};

use crate::network::PROVINCE;

/// A certificate in its file, and its key's.
pub(crate) struct Pair {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// As it goes over the wire.
    pub(crate) bytes: usize,
}

/// All, as PEM.
pub(crate) struct Certificates {
    pub(crate) authority: PathBuf,
    pub(crate) server: Pair,
    pub(crate) client: Pair,
}

impl Certificates {
    pub(crate) fn make(directory: &Path) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = named("programme");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pair = |name: &str, of: String, usage| {
            let mut params = CertificateParams::new(vec![of]).unwrap();
            params.distinguished_name = named(name);
            params.extended_key_usages = vec![usage];
            let key = KeyPair::generate().unwrap();
            let made = params.signed_by(&key, &issuer).unwrap();
            let pair = Pair {
                certificate: directory.join(format!("{name}.pem")),
                key: directory.join(format!("{name}-key.pem")),
                bytes: made.der().len(),
            };
            std::fs::write(&pair.certificate, made.pem()).unwrap();
            std::fs::write(&pair.key, key.serialize_pem()).unwrap();
            pair
        };
        let authority = directory.join("authority.pem");
        std::fs::write(&authority, issuer.pem()).unwrap();
        Self {
            server: pair(
                "server",
                PROVINCE.to_string(),
                ExtendedKeyUsagePurpose::ServerAuth,
            ),
            client: pair(
                "client",
                "cs-namacurra".into(),
                ExtendedKeyUsagePurpose::ClientAuth,
            ),
            authority,
        }
    }
}

fn named(name: &str) -> DistinguishedName {
    let mut named = DistinguishedName::new();
    named.push(DnType::CommonName, name);
    named
}
