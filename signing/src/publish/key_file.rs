//! Key files: `NAME.key` is a PKCS#8 PEM behind a passphrase (age, scrypt: `age -d NAME.key` opens it), `NAME.pub` the
//! public half as it stands in the metadata.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use age::secrecy::SecretString;

use super::signer::{PublicKey, Signer, SignerError};
use crate::durable::{self, FileError};

/// Longest key file that is read, bytes.
const LONGEST_BYTES: u64 = 16 * 1024;
/// scrypt's work as a power of two, as age's own program has it: 2^18 is 256 MiB of memory for each guess.
pub const DEFAULT_WORK: u8 = 18;
/// What may be chosen, and what opening a key may cost: 2^22 is 4 GiB.
pub const WORK: std::ops::RangeInclusive<u8> = 14..=22;

/// Why a key file could not be written or opened.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A directory that could not be listed.
    #[error("could not list {0}: {1}")]
    List(PathBuf, std::io::Error),
    /// There is one already.
    #[error("{0} is there already; keys are never overwritten")]
    Exists(PathBuf),
    /// It could not be sealed.
    #[error("could not seal {0}: {1}")]
    Seal(PathBuf, String),
    /// The wrong passphrase.
    #[error("{0}: the passphrase does not open it")]
    Passphrase(PathBuf),
    /// Not a key file.
    #[error("{0}: not a key file: {1}")]
    NotAKey(PathBuf, String),
    /// The key itself.
    #[error(transparent)]
    Key(#[from] SignerError),
}

/// The key files of some folders, by key id.
#[derive(Debug, Clone, Default)]
pub struct KeyRing(BTreeMap<String, Entry>);

#[derive(Debug, Clone)]
struct Entry {
    public: PublicKey,
    secret: PathBuf,
}

impl Entry {
    fn is_at_hand(&self) -> bool {
        ["key", "token"]
            .iter()
            .any(|ending| self.secret.with_extension(ending).exists())
    }
}

impl KeyRing {
    /// Reads the public halves in these folders.
    ///
    /// # Errors
    /// When a folder cannot be read, or a `.pub` is not one.
    pub fn read(folders: &[PathBuf]) -> Result<Self, KeyFileError> {
        let mut ring = Self::default();
        for folder in folders {
            let listed = |error| KeyFileError::List(folder.clone(), error);
            for entry in std::fs::read_dir(folder).map_err(listed)? {
                let path = entry.map_err(listed)?.path();
                if path.extension().is_none_or(|ending| ending != "pub") {
                    continue;
                }
                let content = durable::read(&path, LONGEST_BYTES)?.unwrap_or_default();
                let object = serde_json::from_slice(&content)
                    .map_err(|error| KeyFileError::NotAKey(path.clone(), error.to_string()))?;
                let public = PublicKey::new(object);
                let entry = Entry {
                    secret: path.with_extension("key"),
                    public,
                };
                // The public halves stay in the ceremony's folder when the secret ones are carried away.
                let has = ring.0.get(&entry.public.id).is_some_and(Entry::is_at_hand);
                if !has {
                    ring.0.insert(entry.public.id.clone(), entry);
                }
            }
        }
        Ok(ring)
    }

    /// The secret half's file.
    #[must_use]
    pub fn secret(&self, id: &str) -> Option<&Path> {
        self.0.get(id).map(|entry| entry.secret.as_path())
    }

    /// The file that says on which token the key is, and its public half.
    #[cfg(feature = "token")]
    #[must_use]
    pub fn token(&self, id: &str) -> Option<(PathBuf, &PublicKey)> {
        let entry = self.0.get(id)?;
        let path = entry.secret.with_extension(super::token::ENDING);
        path.exists().then_some((path, &entry.public))
    }

    /// The key of this name, if it is noted to be on a token.
    #[must_use]
    pub fn noted(&self, name: &str) -> Option<&PublicKey> {
        #[cfg(feature = "token")]
        return self.named(name).filter(|key| self.token(&key.id).is_some());
        #[cfg(not(feature = "token"))]
        return None::<&PublicKey>.filter(|_| self.named(name).is_some());
    }

    /// The key of this name (`root-1`).
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&PublicKey> {
        self.0
            .values()
            .find(|entry| entry.secret.file_stem().is_some_and(|stem| stem == name))
            .map(|entry| &entry.public)
    }
}

/// Writes a key into `folder`; `work` is one of [`WORK`].
///
/// # Errors
/// When it cannot be sealed or written, or there is one of the name.
pub fn seal(
    folder: &Path,
    name: &str,
    signer: &Signer,
    passphrase: &SecretString,
    work: u8,
) -> Result<PublicKey, KeyFileError> {
    let (secret, public) = (
        folder.join(format!("{name}.key")),
        folder.join(format!("{name}.pub")),
    );
    for path in [&secret, &public] {
        if path.exists() {
            return Err(KeyFileError::Exists(path.clone()));
        }
    }
    let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(work);
    let sealed = age::encrypt_and_armor(&recipient, signer.to_pem()?.as_bytes())
        .map_err(|error| KeyFileError::Seal(secret.clone(), error.to_string()))?;
    let key = signer.public()?;
    let text = serde_json::to_string_pretty(&key.object)
        .map_err(|error| KeyFileError::Seal(public.clone(), error.to_string()))?;
    durable::write(&secret, sealed.as_bytes(), 0o600)?;
    durable::write(&public, format!("{text}\n").as_bytes(), 0o644)?;
    Ok(key)
}

/// Opens a key file.
///
/// # Errors
/// When the passphrase is wrong, or it is no key file.
pub fn open(path: &Path, passphrase: &SecretString) -> Result<Signer, KeyFileError> {
    let not_a_key =
        |why: &dyn std::fmt::Display| KeyFileError::NotAKey(path.to_path_buf(), why.to_string());
    let sealed =
        durable::read(path, LONGEST_BYTES)?.ok_or_else(|| not_a_key(&"there is no such file"))?;
    let mut identity = age::scrypt::Identity::new(passphrase.clone());
    identity.set_max_work_factor(*WORK.end());
    let pem = age::decrypt(&identity, &sealed).map_err(|error| match error {
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => {
            KeyFileError::Passphrase(path.to_path_buf())
        }
        other => not_a_key(&other),
    })?;
    Signer::from_pem(&String::from_utf8_lossy(&pem)).map_err(KeyFileError::from)
}
