//! The recovery identity: the age key (X25519) to which everything that leaves the box is encrypted, besides the programme's.
//! Its secret half goes along with every copy, behind the recovery code alone: when the box has burned and the programme cannot be
//! reached, the stick and the code are enough. The programme gets it encrypted to its own key.

mod code;

use age::secrecy::{ExposeSecret, SecretString};
use age::x25519::{Identity, Recipient};

use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};
use crate::technician::{self, ProgrammeError};

pub use code::SEALED_LIMIT_BYTES;

/// No honest secret of ours is larger.
const LIMIT_BYTES: u64 = 4096;
const SECRET: Owner = Owner::mode(0o600);
/// scrypt's N as a power of two: what stock `age` takes. One second and 256 MiB for each guess.
const WORK_FACTOR: u8 = 18;

/// Why the identity could not be made, kept or opened.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// A file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// Random numbers.
    #[error("no random numbers: {0}; no recovery code was made")]
    Random(#[from] getrandom::Error),
    /// The box has none yet.
    #[error("this box has no recovery identity yet; it is made at the next start of the box")]
    Missing,
    /// The file holds something else.
    #[error(
        "{0} is damaged: copies cannot be encrypted; 'posto recovery renew' makes a new one (older copies still open with their own code)"
    )]
    Damaged(std::path::PathBuf),
    /// age.
    #[error("the recovery identity could not be encrypted: {0}")]
    Seal(#[from] age::EncryptError),
    /// The programme's key.
    #[error("{0}")]
    Programme(#[from] ProgrammeError),
    /// Not the code that sealed it.
    #[error("this is not the recovery code that belongs to this copy")]
    WrongCode,
    /// Not a sealed identity.
    #[error(
        "the copy's recovery.key is damaged ({0}); with the programme's key it can be opened all the same"
    )]
    NotSealed(String),
}

/// Makes the identity and its code where the box has none, and completes what a power cut interrupted. `programme`: its age key.
/// The identity goes first and what is made of it after, so that nothing is ever encrypted to a key that is lost.
///
/// # Errors
/// [`RecoveryError`]; what stood before stands.
pub fn ensure(places: &Places, programme: Option<&str>) -> Result<(), RecoveryError> {
    ensure_with(places, programme, WORK_FACTOR)
}

/// Makes a new identity and a new code and gives the code. Older copies open with theirs.
///
/// # Errors
/// [`RecoveryError`].
pub fn renew(places: &Places, programme: Option<&str>) -> Result<String, RecoveryError> {
    renew_with(places, programme, WORK_FACTOR)
}

fn ensure_with(
    places: &Places,
    programme: Option<&str>,
    work_factor: u8,
) -> Result<(), RecoveryError> {
    match identity(places) {
        Ok(identity) => {
            // Without the sealed half a copy would open with the programme's key alone.
            if sealed(places)?.is_none() {
                seal_anew(places, &identity, work_factor)?;
            }
            leave_for_programme(places, &identity, programme)
        }
        Err(RecoveryError::Missing) => renew_with(places, programme, work_factor).map(drop),
        Err(other) => Err(other),
    }
}

fn renew_with(
    places: &Places,
    programme: Option<&str>,
    work_factor: u8,
) -> Result<String, RecoveryError> {
    let identity = Identity::generate();
    // The sealed half of the identity before would be sent along with copies that it does not open.
    durable::remove(&places.recovery_sealed())?;
    let text = format!("{}\n", identity.to_string().expose_secret());
    durable::write(&places.recovery_identity(), text.as_bytes(), SECRET)?;
    let code = seal_anew(places, &identity, work_factor)?;
    durable::remove(&places.recovery_for_programme())?;
    leave_for_programme(places, &identity, programme)?;
    Ok(code)
}

/// The code first: a sealed identity whose code nobody can learn would be worth nothing.
fn seal_anew(
    places: &Places,
    identity: &Identity,
    work_factor: u8,
) -> Result<String, RecoveryError> {
    let code = code::make()?;
    durable::write(&places.recovery_code(), code.as_bytes(), SECRET)?;
    let sealed = code::seal(identity, &code, work_factor)?;
    let open = Owner::mode(0o644);
    durable::write(&places.recovery_sealed(), sealed.as_bytes(), open)?;
    Ok(code)
}

fn leave_for_programme(
    places: &Places,
    identity: &Identity,
    programme: Option<&str>,
) -> Result<(), RecoveryError> {
    let path = places.recovery_for_programme();
    if let Some(programme) = programme
        && !path.exists()
    {
        let text = identity.to_string();
        let sealed = technician::seal_for_programme(text.expose_secret(), programme)?;
        durable::write(&path, sealed.as_bytes(), Owner::mode(0o644))?;
    }
    Ok(())
}

/// The identity. Needs root.
///
/// # Errors
/// [`RecoveryError::Missing`], [`RecoveryError::Damaged`].
pub fn identity(places: &Places) -> Result<Identity, RecoveryError> {
    let path = places.recovery_identity();
    let bytes = durable::read(&path, LIMIT_BYTES)?.ok_or(RecoveryError::Missing)?;
    String::from_utf8_lossy(&bytes)
        .trim()
        .parse()
        .map_err(|_| RecoveryError::Damaged(path))
}

/// The public half.
///
/// # Errors
/// As [`identity`].
pub fn recipient(places: &Places) -> Result<Recipient, RecoveryError> {
    Ok(identity(places)?.to_public())
}

/// What goes along with every copy: the identity behind the code.
///
/// # Errors
/// [`DurableError`].
pub fn sealed(places: &Places) -> Result<Option<Vec<u8>>, DurableError> {
    durable::read(&places.recovery_sealed(), SEALED_LIMIT_BYTES)
}

/// The identity in `sealed`, opened with the code as somebody typed it. Takes a second and 256 MiB.
///
/// # Errors
/// [`RecoveryError::WrongCode`], [`RecoveryError::NotSealed`].
pub fn open(sealed: &[u8], typed: &str) -> Result<Identity, RecoveryError> {
    code::open(sealed, typed)
}

/// The identities in a file as `age-keygen` writes it.
///
/// # Errors
/// [`RecoveryError::Damaged`] when there is none in it.
pub fn read_identities(path: &std::path::Path) -> Result<Vec<Identity>, RecoveryError> {
    let bytes = durable::read(path, SEALED_LIMIT_BYTES)?.unwrap_or_default();
    let text = SecretString::from(String::from_utf8_lossy(&bytes).into_owned());
    let found: Vec<Identity> = text
        .expose_secret()
        .lines()
        .filter_map(|line| line.trim().parse().ok())
        .collect();
    if found.is_empty() {
        return Err(RecoveryError::Damaged(path.to_path_buf()));
    }
    Ok(found)
}

/// The code, as long as nobody has noted it. Needs root.
///
/// # Errors
/// [`DurableError`].
pub fn to_note(places: &Places) -> Result<Option<String>, DurableError> {
    let bytes = durable::read(&places.recovery_code(), LIMIT_BYTES)?;
    Ok(bytes
        .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string())
        .filter(|text| !text.is_empty()))
}

/// Somebody has noted it: the box forgets it. Says whether there was anything to forget.
///
/// # Errors
/// [`DurableError`].
pub fn noted(places: &Places) -> Result<bool, DurableError> {
    let there = places.recovery_code().exists();
    // Before that it belongs to nothing.
    if there && places.recovery_sealed().exists() {
        durable::remove(&places.recovery_code())?;
        return Ok(true);
    }
    Ok(false)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::box_key::tests::box_with_key;

    /// A guess costs what it may cost in a test.
    pub(crate) fn ensure_quickly(places: &Places, programme: Option<&str>) {
        ensure_with(places, programme, 4).unwrap();
    }

    #[test]
    fn the_code_opens_the_sealed_identity_and_the_box_forgets_the_code() {
        let (_dir, places) = box_with_key();
        ensure_quickly(&places, None);
        let code = to_note(&places).unwrap().unwrap();
        ensure_quickly(&places, None);
        assert_eq!(to_note(&places).unwrap().unwrap(), code, "made once");
        let sealed = sealed(&places).unwrap().unwrap();
        let opened = open(&sealed, &code.replace('-', " ")).unwrap();
        let own = recipient(&places).unwrap();
        assert_eq!(opened.to_public().to_string(), own.to_string());
        assert!(matches!(
            open(&sealed, "0000-0000-0000-0000-0000"),
            Err(RecoveryError::WrongCode)
        ));
        assert!(matches!(
            open(b"nothing", &code),
            Err(RecoveryError::NotSealed(_))
        ));
        assert!(noted(&places).unwrap() && !noted(&places).unwrap());
        ensure_quickly(&places, None);
        assert_eq!(to_note(&places).unwrap(), None);
    }

    #[test]
    fn a_power_cut_between_identity_and_seal_leaves_a_code_that_opens() {
        let (_dir, places) = box_with_key();
        ensure_quickly(&places, None);
        durable::remove(&places.recovery_sealed()).unwrap();
        let before = recipient(&places).unwrap().to_string();
        ensure_quickly(&places, None);
        assert_eq!(recipient(&places).unwrap().to_string(), before);
        let code = to_note(&places).unwrap().unwrap();
        open(&sealed(&places).unwrap().unwrap(), &code).unwrap();
    }

    #[test]
    fn the_programme_gets_the_identity_as_soon_as_its_key_is_known() {
        let (_dir, places) = box_with_key();
        ensure_quickly(&places, None);
        assert!(noted(&places).unwrap());
        assert!(!places.recovery_for_programme().exists());
        let programme = Identity::generate();
        ensure_quickly(&places, Some(&programme.to_public().to_string()));
        let armoured = std::fs::read(places.recovery_for_programme()).unwrap();
        let text = age::decrypt(&programme, &armoured).unwrap();
        let opened: Identity = String::from_utf8(text).unwrap().trim().parse().unwrap();
        let own = recipient(&places).unwrap();
        assert_eq!(opened.to_public().to_string(), own.to_string());
    }

    #[test]
    fn a_renewed_code_opens_what_comes_and_not_what_was() {
        let (_dir, places) = box_with_key();
        ensure_quickly(&places, None);
        let old = sealed(&places).unwrap().unwrap();
        let code = renew_with(&places, None, 4).unwrap();
        open(&sealed(&places).unwrap().unwrap(), &code).unwrap();
        assert!(open(&old, &code).is_err());
    }
}
