//! nginx's copy of certificate and key, on tmpfs. Where the data are missing a passing certificate is made, so that
//! the door can still say what is wrong.

use crate::first_boot::{self, CertificateError};
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// uid = gid of nginx.
const NGINX_ID: u32 = 812;
const LIMIT_BYTES: u64 = 64 * 1024;

/// Why nginx gets no certificate.
#[derive(Debug, thiserror::Error)]
pub enum DoorCertificateError {
    /// A file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// None could be made.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
}

/// Places them, readable for nginx alone.
///
/// # Errors
/// [`DoorCertificateError`]; nginx then does not start.
pub fn place(places: &Places) -> Result<(), DoorCertificateError> {
    let own = |path| {
        durable::read(path, LIMIT_BYTES)
            .ok()
            .flatten()
            .filter(|pem| !pem.is_empty())
    };
    let (certificate, key) = match (own(&places.tls_certificate()), own(&places.tls_key())) {
        (Some(certificate), Some(key)) => (certificate, key),
        _ => {
            let passing = first_boot::make_certificate()?;
            (
                passing.certificate_pem.into_bytes(),
                passing.key_pem.into_bytes(),
            )
        }
    };
    let directory = places.door_tls();
    durable::directory(&places.run(), Owner::mode(0o755))?;
    durable::directory(&directory, Owner::user(NGINX_ID, 0o500))?;
    durable::write(
        &directory.join("cert.pem"),
        &certificate,
        Owner::user(NGINX_ID, 0o400),
    )?;
    Ok(durable::write(
        &directory.join("key.pem"),
        &key,
        Owner::user(NGINX_ID, 0o400),
    )?)
}
