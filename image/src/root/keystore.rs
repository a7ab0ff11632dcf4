//! Java's store of trusted certificates, made from ca-certificates' bundle. `keytool` writes the time of making (JKS) or random
//! salts (PKCS12) into it; written here, the same certificates give the same bytes.
//! Format: JDK sources, sun.security.provider.JavaKeyStore.

use sha1::{Digest, Sha1};

/// The password that Java's own stores have: it is a checksum's salt, the certificates are public.
const PASSWORD: &str = "changeit";
const MAGIC: u32 = 0xfeed_feed;
const VERSION: u32 = 2;
const TRUSTED: u32 = 2;

/// The bundle is not PEM.
#[derive(Debug, thiserror::Error)]
#[error("the certificate bundle has a block that is not base64, number {0}")]
pub struct KeystoreError(usize);

/// A JKS store of all certificates in a PEM bundle, every entry dated `epoch` (unix seconds).
///
/// # Errors
/// When a block is not base64.
pub fn from_pem(bundle: &str, epoch: u64) -> Result<Vec<u8>, KeystoreError> {
    let mut certificates = Vec::new();
    for (index, block) in bundle
        .split("-----BEGIN CERTIFICATE-----")
        .skip(1)
        .enumerate()
    {
        let body: String = block
            .split("-----END")
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body)
            .map_err(|_| KeystoreError(index + 1))?;
        certificates.push(der);
    }
    certificates.sort();
    certificates.dedup();
    let mut store = Vec::new();
    store.extend(MAGIC.to_be_bytes());
    store.extend(VERSION.to_be_bytes());
    store.extend((certificates.len() as u32).to_be_bytes());
    for (index, der) in certificates.iter().enumerate() {
        store.extend(TRUSTED.to_be_bytes());
        text(&mut store, &format!("ca-{index}"));
        store.extend((epoch * 1000).to_be_bytes());
        text(&mut store, "X.509");
        store.extend((der.len() as u32).to_be_bytes());
        store.extend(der);
    }
    let mut digest = Sha1::new();
    for unit in PASSWORD.encode_utf16() {
        digest.update(unit.to_be_bytes());
    }
    digest.update("Mighty Aphrodite");
    digest.update(&store);
    store.extend(digest.finalize());
    Ok(store)
}

/// Java's writeUTF, for ASCII.
fn text(store: &mut Vec<u8>, text: &str) {
    store.extend((text.len() as u16).to_be_bytes());
    store.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_certificates_in_another_order_give_the_same_store() {
        let block = |body: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
        };
        let (a, b) = (block("AAAA"), block("BBBB"));
        let one = from_pem(&format!("{a}{b}"), 1).unwrap();
        assert_eq!(one, from_pem(&format!("{b}{a}{a}"), 1).unwrap());
        assert_eq!(&one[8..12], &2_u32.to_be_bytes());
    }

    #[test]
    fn what_is_not_base64_is_named_by_its_number() {
        let error = from_pem(
            "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----",
            1,
        )
        .unwrap_err();
        assert!(error.to_string().contains("number 1"));
    }
}
