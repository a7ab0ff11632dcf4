//! The door's certificate, made on the box: its key exists nowhere else.

use rcgen::{CertificateParams, DnType, KeyPair, PKCS_ECDSA_P256_SHA256, date_time_ymd};

/// A key and its self-signed certificate, as PEM.
pub struct Certificate {
    /// PKCS#8.
    pub key_pem: String,
    /// X.509.
    pub certificate_pem: String,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Certificate { .. }")
    }
}

/// No certificate could be made.
#[derive(Debug, thiserror::Error)]
#[error("the door's certificate could not be made: {0}")]
pub struct CertificateError(#[from] rcgen::Error);

/// Makes one. Its dates do not depend on the box's clock, which may say 1970.
///
/// # Errors
/// [`CertificateError`] when the key cannot be made.
pub fn make() -> Result<Certificate, CertificateError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut parameters =
        CertificateParams::new(vec!["posto".to_string(), "posto.local".to_string()])?;
    parameters
        .distinguished_name
        .push(DnType::CommonName, "posto");
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2049, 12, 31);
    let certificate = parameters.self_signed(&key)?;
    Ok(Certificate {
        key_pem: key.serialize_pem(),
        certificate_pem: certificate.pem(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_certificate_has_its_own_key() {
        let (one, other) = (make().unwrap(), make().unwrap());
        assert!(
            one.certificate_pem
                .starts_with("-----BEGIN CERTIFICATE-----")
        );
        assert!(one.key_pem.starts_with("-----BEGIN PRIVATE KEY-----"));
        assert_ne!(one.key_pem, other.key_pem);
    }
}
