//! Keys that live on a PIV token (or another one that speaks PKCS#11): ECDSA on P-256. The secret half never leaves the token.
//!
//! `NAME.token` beside `NAME.pub` says where the key is. Signing is `CKM_ECDSA` over a SHA-256 computed here: what every module has.

use std::path::{Path, PathBuf};

use age::secrecy::{ExposeSecret, SecretString};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::types::AuthPin;
use p256::pkcs8::EncodePublicKey as _;
use p256::pkcs8::spki::der::pem::LineEnding;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::signer::PublicKey;
use crate::durable::{self, FileError};
use crate::key::Key;

/// Ending of the file that says where a token's key is.
pub const ENDING: &str = "token";
const LONGEST_BYTES: u64 = 4096;
/// DER of the curve's name, P-256 (RFC 5480, 2.1.1.1).
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// DER of an octet string of 65 bytes, in which PKCS#11 wraps a point.
const POINT_HEAD: [u8; 2] = [0x04, 0x41];

/// Where a key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The token's PKCS#11 module, a shared library; it runs inside this program.
    pub module: PathBuf,
    /// The token's label.
    pub token: String,
    /// The key's id on the token, hexadecimal: 01 is PIV's slot 9a.
    pub id: String,
}

/// Why a token's key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not such a file.
    #[error("{0}: it does not say where a token's key is: {1}")]
    NotAPlace(PathBuf, String),
    /// There is one already.
    #[error("{0} is there already; keys are never overwritten")]
    Exists(PathBuf),
    /// The module or the token said no.
    #[error("token {token}: {doing}: {source}")]
    Token {
        /// Its label.
        token: String,
        /// `no session`, ...
        doing: &'static str,
        /// Its words.
        source: Error,
    },
    /// It is not plugged in.
    #[error("there is no token {0}: plug it in")]
    NoToken(String),
    /// It lacks the key.
    #[error("token {token} has no {what} with the id {id}")]
    NoKey {
        /// Its label.
        token: String,
        /// Which half.
        what: &'static str,
        /// The id.
        id: String,
    },
    /// Another curve or kind.
    #[error("token {token}: the key {id} is not on the curve P-256")]
    OtherCurve {
        /// Its label.
        token: String,
        /// The id.
        id: String,
    },
    /// PIV's slot 9c wants the PIN for each signature in the middle of signing.
    #[error(
        "token {token}: the key {id} wants its PIN before each signature (PIV's slot 9c does), which cannot be given here; make the key in slot 9a (id 01)"
    )]
    AlwaysAsks {
        /// Its label.
        token: String,
        /// The id.
        id: String,
    },
    /// The PIN is wrong. Tokens lock after a few.
    #[error(
        "token {0}: the PIN is wrong; after a few wrong ones the token locks itself, nothing was tried again"
    )]
    Pin(String),
    /// It signed with another key than its public half.
    #[error("token {0}: what it signed is not by the key that was noted for it")]
    OtherKey(String),
}

impl Place {
    /// Reads a `.token` file.
    ///
    /// # Errors
    /// When it is none.
    pub fn read(path: &Path) -> Result<Self, TokenError> {
        let not = |why: &str| TokenError::NotAPlace(path.to_path_buf(), why.to_owned());
        let content =
            durable::read(path, LONGEST_BYTES)?.ok_or_else(|| not("there is no such file"))?;
        serde_json::from_slice(&content).map_err(|error| not(&error.to_string()))
    }

    /// Notes the key on this token in `folder`: `NAME.token` and `NAME.pub`.
    ///
    /// # Errors
    /// When the token lacks it, or there is one of the name.
    pub fn note(&self, folder: &Path, name: &str) -> Result<PublicKey, TokenError> {
        let path = |ending: &str| folder.join(format!("{name}.{ending}"));
        for ending in ["key", ENDING, "pub"] {
            if path(ending).exists() {
                return Err(TokenError::Exists(path(ending)));
            }
        }
        let key = self.public()?;
        let text = |value: &Value| format!("{value:#}\n").into_bytes();
        let place = json!({"module": self.module, "token": self.token, "id": self.id});
        durable::directory(folder)?;
        durable::write(&path(ENDING), &text(&place), 0o644)?;
        durable::write(&path("pub"), &text(&key.object), 0o644)?;
        Ok(key)
    }

    fn failed(&self, doing: &'static str) -> impl Fn(Error) -> TokenError {
        let token = self.token.clone();
        move |source| TokenError::Token {
            token: token.clone(),
            doing,
            source,
        }
    }

    fn session(&self) -> Result<Session, TokenError> {
        let module = Pkcs11::new(&self.module).map_err(self.failed("its module"))?;
        let begun = module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK));
        match begun {
            // By another key of the same module.
            Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
            Err(error) => return Err(self.failed("its module does not begin")(error)),
        }
        let slots = module.get_slots_with_token();
        for slot in slots.map_err(self.failed("no list of tokens"))? {
            let about = module.get_token_info(slot);
            if about.is_ok_and(|about| about.label().trim_end() == self.token) {
                let session = module.open_ro_session(slot);
                return session.map_err(self.failed("no session"));
            }
        }
        Err(TokenError::NoToken(self.token.clone()))
    }

    fn object(
        &self,
        session: &Session,
        class: ObjectClass,
        what: &'static str,
    ) -> Result<ObjectHandle, TokenError> {
        let none = || TokenError::NoKey {
            token: self.token.clone(),
            what,
            id: self.id.clone(),
        };
        let id = hex::decode(&self.id).map_err(|_| none())?;
        let wanted = [
            Attribute::Class(class),
            Attribute::KeyType(KeyType::EC),
            Attribute::Id(id),
        ];
        let found = session.find_objects(&wanted);
        let found = found.map_err(self.failed("no list of keys"))?;
        found.first().copied().ok_or_else(none)
    }

    /// The public half, as the token has it.
    ///
    /// # Errors
    /// When the token has none on P-256.
    pub fn public(&self) -> Result<PublicKey, TokenError> {
        let session = self.session()?;
        let key = self.object(&session, ObjectClass::PUBLIC_KEY, "public key")?;
        let wanted = [AttributeType::EcParams, AttributeType::EcPoint];
        let said = session.get_attributes(key, &wanted);
        let (mut curve, mut point) = (Vec::new(), Vec::new());
        for attribute in said.map_err(self.failed("nothing of the key"))? {
            match attribute {
                Attribute::EcParams(bytes) => curve = bytes,
                Attribute::EcPoint(bytes) => point = bytes,
                _ => {}
            }
        }
        let other = || TokenError::OtherCurve {
            token: self.token.clone(),
            id: self.id.clone(),
        };
        let point = point.strip_prefix(&POINT_HEAD).unwrap_or(&point);
        if curve != P256 {
            return Err(other());
        }
        let key = p256::PublicKey::from_sec1_bytes(point).map_err(|_| other())?;
        let pem = key.to_public_key_pem(LineEnding::LF).map_err(|_| other())?;
        Ok(PublicKey::new(json!({
            "keytype": "ecdsa", "scheme": "ecdsa-sha2-nistp256", "keyval": {"public": pem},
        })))
    }

    /// Opens the key for signing. `public` is what was noted of it.
    ///
    /// # Errors
    /// When the token is not there, the PIN is wrong or the key cannot be used.
    pub fn open(self, public: PublicKey, pin: &SecretString) -> Result<TokenKey, TokenError> {
        let session = self.session()?;
        let pin = AuthPin::from(pin.expose_secret().to_owned());
        match session.login(UserType::User, Some(&pin)) {
            // For another key of the same token.
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(Error::Pkcs11(RvError::PinIncorrect, _)) => {
                return Err(TokenError::Pin(self.token));
            }
            Err(error) => return Err(self.failed("it lets nobody in")(error)),
        }
        let key = self.object(&session, ObjectClass::PRIVATE_KEY, "secret key")?;
        let asks = session
            .get_attributes(key, &[AttributeType::AlwaysAuthenticate])
            .unwrap_or_default();
        if asks.contains(&Attribute::AlwaysAuthenticate(true)) {
            return Err(TokenError::AlwaysAsks {
                token: self.token,
                id: self.id,
            });
        }
        Ok(TokenKey {
            place: self,
            session,
            key,
            public,
        })
    }
}

/// A key on a token, opened.
pub struct TokenKey {
    place: Place,
    session: Session,
    key: ObjectHandle,
    public: PublicKey,
}

impl TokenKey {
    /// The public half that was noted.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The signature over `message`, DER.
    ///
    /// # Errors
    /// When the token does not sign, or with another key than its public half.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, TokenError> {
        let digest = Sha256::digest(message);
        let made = self.session.sign(&Mechanism::Ecdsa, self.key, &digest);
        let made = made.map_err(self.place.failed("it does not sign"))?;
        let other = || TokenError::OtherKey(self.place.token.clone());
        let signature = p256::ecdsa::Signature::from_slice(&made).map_err(|_| other())?;
        let signature = signature.to_der().as_bytes().to_vec();
        if !Key::read(&self.public.object).verifies(message, &signature) {
            return Err(other());
        }
        Ok(signature)
    }
}
