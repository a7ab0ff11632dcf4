//! Enough signatures: opens key files until a role's threshold is reached.

use std::collections::BTreeMap;

use super::document::{self, DocumentError, Signatories};
use super::key_file::{self, KeyFileError, KeyRing};
use super::passphrase::{PassphraseError, Passphrases};
use super::signer::Signer;
#[cfg(feature = "token")]
use super::signer::SignerError;
use serde_json::Value;

/// Why a file could not be signed.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// Too few keys.
    #[error(
        "{role}: {have} of the {need} keys that are needed could be opened here; nothing was signed (searched: *.pub beside *.key and *.token)"
    )]
    NotEnough {
        /// For which role.
        role: String,
        /// Keys opened.
        have: u64,
        /// Keys needed.
        need: u64,
    },
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// A passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The file.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// The keys at hand. Each is opened once.
#[derive(Debug)]
pub struct Keys {
    ring: KeyRing,
    passphrases: Passphrases,
    open: BTreeMap<String, Signer>,
}

impl Keys {
    /// These key files, opened with these passphrases.
    #[must_use]
    pub fn new(ring: KeyRing, passphrases: Passphrases) -> Self {
        Self {
            ring,
            passphrases,
            open: BTreeMap::new(),
        }
    }

    /// A key that was made just now.
    ///
    /// # Errors
    /// When it has no public form.
    pub fn add(&mut self, signer: Signer) -> Result<(), SigningError> {
        let id = signer
            .public()
            .map_err(|error| SigningError::Document(error.into()))?
            .id;
        self.open.insert(id, signer);
        Ok(())
    }

    /// The key files.
    #[must_use]
    pub fn ring(&self) -> &KeyRing {
        &self.ring
    }

    /// Where passphrases come from.
    #[must_use]
    pub fn passphrases(&self) -> &Passphrases {
        &self.passphrases
    }

    /// Signs for all of these (`role` names them in messages): each one's threshold is reached, or nothing is signed.
    ///
    /// # Errors
    /// When there are too few keys.
    pub fn sign(
        &mut self,
        role: &str,
        signatories: &[&Signatories],
        signed: &Value,
    ) -> Result<Vec<u8>, SigningError> {
        let mut ids: Vec<String> = Vec::new();
        for who in signatories {
            ids.extend(self.open_enough(role, who)?);
        }
        let signers = ids.iter().filter_map(|id| self.open.get(id));
        Ok(document::sign(signed, signers)?)
    }

    /// Opens as many keys as the threshold asks for, and says which.
    ///
    /// # Errors
    /// When there are too few.
    pub fn open_enough(
        &mut self,
        role: &str,
        who: &Signatories,
    ) -> Result<Vec<String>, SigningError> {
        // Those that are open already first: nobody is asked twice.
        let mut keys: Vec<&str> = who.keys.iter().map(|key| key.id.as_str()).collect();
        keys.sort_by_key(|id| !self.open.contains_key(*id));
        let mut ids = Vec::new();
        for id in keys {
            if ids.len() as u64 >= who.threshold {
                break;
            }
            if self.unlock(id)? {
                ids.push(id.to_owned());
            }
        }
        let have = ids.len() as u64;
        if have < who.threshold {
            return Err(SigningError::NotEnough {
                role: role.to_owned(),
                have,
                need: who.threshold,
            });
        }
        Ok(ids)
    }

    /// The key, if it is noted to be on a token and the token's PIN was given.
    #[cfg(feature = "token")]
    fn on_token(&self, id: &str) -> Result<Option<Signer>, SigningError> {
        let Some((path, public)) = self.ring.token(id) else {
            return Ok(None);
        };
        let Some(pin) = self.passphrases.pin(&path.display().to_string())? else {
            return Ok(None);
        };
        let place = super::token::Place::read(&path).map_err(SignerError::from);
        let key = place.and_then(|place| Ok(place.open(public.clone(), &pin)?));
        Ok(Some(Signer::on_token(key.map_err(DocumentError::from)?)))
    }

    fn unlock(&mut self, id: &str) -> Result<bool, SigningError> {
        if self.open.contains_key(id) {
            return Ok(true);
        }
        #[cfg(feature = "token")]
        if let Some(signer) = self.on_token(id)? {
            self.open.insert(id.to_owned(), signer);
            return Ok(true);
        }
        let Some(path) = self.ring.secret(id).filter(|path| path.exists()) else {
            return Ok(false);
        };
        let Some(passphrase) = self.passphrases.existing(&path.display().to_string())? else {
            return Ok(false);
        };
        let signer = key_file::open(path, &passphrase)?;
        self.open.insert(id.to_owned(), signer);
        Ok(true)
    }
}
