//! The technician's code: one per box, made at its first boot, asked by the screen before SQL, logs and a shell. The box
//! keeps only a slow hash of it, once somebody has noted it; the programme's copy is encrypted to the programme's key.

mod attempts;
mod code;
mod programme;

pub use code::CodeError;
pub use programme::{ProgrammeError, check as check_recipient, seal as seal_for_programme};

use std::time::Duration;

use crate::events::{self, Event, Moment};
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// No honest secret of ours is larger.
const LIMIT_BYTES: u64 = 4096;
const SECRET: Owner = Owner::mode(0o600);

/// Why the code could not be made, shown or checked.
#[derive(Debug, thiserror::Error)]
pub enum TechnicianError {
    /// A file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// Random numbers or the hash.
    #[error("{0}")]
    Code(#[from] CodeError),
    /// The programme's key.
    #[error("{0}")]
    Programme(#[from] ProgrammeError),
    /// The box has none yet.
    #[error("this box has no technician's code yet; it is made at the next start of the box")]
    Missing,
}

/// What a typed code turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The code.
    Right,
    /// Not the code.
    Wrong {
        /// Attempts left before a wait.
        left: u32,
        /// The wait that began with it; zero: none.
        wait: Duration,
    },
    /// Too many wrong ones: it was not looked at.
    Wait(Duration),
}

/// Makes the code where the box has none, and completes what a power cut interrupted. `recipient`: the programme's age key.
/// The plain code stands until it is noted; it goes first and the hash last, so that a code is never hashed and unknown.
///
/// # Errors
/// [`TechnicianError`]; what stood before stands.
pub fn ensure(places: &Places, recipient: Option<&str>) -> Result<(), TechnicianError> {
    let hash = text_of(&places.technician_hash())?;
    let plain = to_note(places)?;
    let plain = match (plain, hash) {
        (None, Some(_)) => return Ok(()),
        (None, None) => {
            let made = code::make()?;
            durable::write(&places.technician_code(), made.as_bytes(), SECRET)?;
            made
        }
        (Some(plain), Some(hash)) if code::is_right(&plain, &hash) => {
            return leave_for_programme(places, &plain, recipient);
        }
        (Some(plain), _) => plain,
    };
    keep(places, &plain, recipient)
}

/// Makes a new code in place of the old one and gives it; it shows on the screen until it is noted.
///
/// # Errors
/// [`TechnicianError`].
pub fn renew(places: &Places, recipient: Option<&str>) -> Result<String, TechnicianError> {
    let made = code::make()?;
    durable::write(&places.technician_code(), made.as_bytes(), SECRET)?;
    keep(places, &made, recipient)?;
    attempts::forget(places)?;
    Ok(made)
}

fn keep(places: &Places, plain: &str, recipient: Option<&str>) -> Result<(), TechnicianError> {
    // The programme's copy of a code that is no longer right would mislead on the phone.
    durable::remove(&places.technician_for_programme())?;
    leave_for_programme(places, plain, recipient)?;
    let hash = code::hashed(plain)?;
    Ok(durable::write(
        &places.technician_hash(),
        hash.as_bytes(),
        SECRET,
    )?)
}

fn leave_for_programme(
    places: &Places,
    plain: &str,
    recipient: Option<&str>,
) -> Result<(), TechnicianError> {
    if let Some(recipient) = recipient {
        let sealed = programme::seal(plain, recipient)?;
        durable::write(
            &places.technician_for_programme(),
            sealed.as_bytes(),
            Owner::mode(0o644),
        )?;
    }
    Ok(())
}

/// The code, as long as nobody has noted it. Needs root.
///
/// # Errors
/// [`DurableError`].
pub fn to_note(places: &Places) -> Result<Option<String>, DurableError> {
    text_of(&places.technician_code())
}

/// Whether the programme has, or will get, a copy.
#[must_use]
pub fn programme_has_it(places: &Places) -> bool {
    places.technician_for_programme().exists()
}

/// Somebody has noted it: the box keeps the hash alone. Says whether there was anything to forget.
///
/// # Errors
/// [`DurableError`].
pub fn noted(places: &Places) -> Result<bool, DurableError> {
    let there = places.technician_code().exists();
    // Without the hash nobody could ever be let in.
    if there && places.technician_hash().exists() {
        durable::remove(&places.technician_code())?;
        return Ok(true);
    }
    Ok(false)
}

/// Whether `typed` is the code. Each attempt is counted on the disk before it is looked at, so that pulling the plug
/// gives no free ones, and is an event. A disk that cannot be written does not lock the technician out of mending it: then
/// tmpfs counts.
///
/// # Errors
/// [`TechnicianError::Missing`], or when the hash cannot be read.
pub fn check(places: &Places, typed: &str, now: &Moment) -> Result<Answer, TechnicianError> {
    let hash = text_of(&places.technician_hash())?.ok_or(TechnicianError::Missing)?;
    let counted = attempts::read(places);
    let wait = counted.wait(now);
    if !wait.is_zero() {
        return Ok(Answer::Wait(wait));
    }
    let next = counted.one_more(now);
    attempts::write(places, &next)?;
    if code::is_right(typed, &hash) {
        attempts::forget(places)?;
        events::record(places, &Event::new("technician-code-right"));
        return Ok(Answer::Right);
    }
    let (left, wait) = (next.left(), next.wait(now));
    events::record(
        places,
        &Event::new("technician-code-wrong").with("left", u64::from(left)),
    );
    Ok(Answer::Wrong { left, wait })
}

fn text_of(path: &std::path::Path) -> Result<Option<String>, DurableError> {
    let bytes = durable::read(path, LIMIT_BYTES)?;
    Ok(bytes
        .map(|bytes| String::from_utf8_lossy(&bytes).trim().to_string())
        .filter(|text| !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn box_with_places() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        for path in [places.secrets(), places.posto(), places.run()] {
            std::fs::create_dir_all(path).unwrap();
        }
        (dir, places)
    }

    fn at(seconds: u64) -> Moment {
        Moment {
            boot: "b".into(),
            since_boot_ms: seconds * 1000,
            unix_s: 0,
        }
    }

    #[test]
    fn the_box_keeps_only_a_hash_once_the_code_is_noted_and_still_knows_the_code() {
        let (_dir, places) = box_with_places();
        ensure(&places, None).unwrap();
        let plain = to_note(&places).unwrap().unwrap();
        ensure(&places, None).unwrap();
        assert_eq!(to_note(&places).unwrap().unwrap(), plain, "made once");
        assert!(noted(&places).unwrap() && !noted(&places).unwrap());
        ensure(&places, None).unwrap();
        assert_eq!(to_note(&places).unwrap(), None);
        for entry in [places.secrets(), places.posto()]
            .iter()
            .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        {
            let bytes = std::fs::read(entry.unwrap().path()).unwrap();
            let digits: String = plain.chars().filter(char::is_ascii_digit).collect();
            for form in [&plain, &digits] {
                assert!(
                    !bytes
                        .windows(form.len())
                        .any(|part| part == form.as_bytes())
                );
            }
        }
        assert_eq!(check(&places, &plain, &at(1)).unwrap(), Answer::Right);
        let spoken = plain.replace('-', " ");
        assert_eq!(check(&places, &spoken, &at(1)).unwrap(), Answer::Right);
    }

    #[test]
    fn a_power_cut_between_code_and_hash_leaves_a_code_that_opens() {
        let (_dir, places) = box_with_places();
        ensure(&places, None).unwrap();
        durable::write(&places.technician_code(), b"1111-2222-3333", SECRET).unwrap();
        ensure(&places, None).unwrap();
        assert_eq!(
            check(&places, "111122223333", &at(1)).unwrap(),
            Answer::Right
        );
    }

    #[test]
    fn wrong_codes_end_in_a_wait_that_a_restart_does_not_shorten() {
        let (_dir, places) = box_with_places();
        ensure(&places, None).unwrap();
        let plain = to_note(&places).unwrap().unwrap();
        for left in (1..5).rev() {
            let said = check(&places, "000000000000", &at(10)).unwrap();
            let wait = Duration::ZERO;
            assert_eq!(said, Answer::Wrong { left, wait });
        }
        let minute = Duration::from_secs(60);
        assert_eq!(
            check(&places, "0", &at(10)).unwrap(),
            Answer::Wrong {
                left: 0,
                wait: minute
            }
        );
        assert_eq!(
            check(&places, &plain, &at(10)).unwrap(),
            Answer::Wait(minute),
            "the right one waits too"
        );
        let next_boot = Moment {
            boot: "c".into(),
            ..at(20)
        };
        assert_eq!(
            check(&places, &plain, &next_boot).unwrap(),
            Answer::Wait(Duration::from_secs(40))
        );
        assert_eq!(check(&places, &plain, &at(70)).unwrap(), Answer::Right);
        let said = check(&places, "0", &at(70)).unwrap();
        assert!(
            matches!(said, Answer::Wrong { left: 4, .. }),
            "a right code clears the count: {said:?}"
        );
    }

    #[test]
    fn the_programme_opens_its_copy_with_its_own_key_and_nobody_else_does() {
        let (_dir, places) = box_with_places();
        let key = age::x25519::Identity::generate();
        ensure(&places, Some(&key.to_public().to_string())).unwrap();
        let plain = to_note(&places).unwrap().unwrap();
        let sealed = std::fs::read(places.technician_for_programme()).unwrap();
        assert!(sealed.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----"));
        let mut opened = String::new();
        let armor = age::armor::ArmoredReader::new(&sealed[..]);
        let reader = age::Decryptor::new(armor).unwrap();
        std::io::Read::read_to_string(
            &mut reader
                .decrypt(std::iter::once(&key as &dyn age::Identity))
                .unwrap(),
            &mut opened,
        )
        .unwrap();
        assert_eq!(opened.trim(), plain);
        let renewed = renew(&places, None).unwrap();
        assert_ne!(renewed, plain);
        assert!(
            !programme_has_it(&places),
            "a copy of the old code would mislead"
        );
        assert!(ensure(&places, Some("age1nonsense")).is_err());
    }

    #[test]
    fn without_a_code_nothing_is_right() {
        let (_dir, places) = box_with_places();
        assert!(matches!(
            check(&places, "", &at(1)),
            Err(TechnicianError::Missing)
        ));
        ensure(&places, None).unwrap();
        assert!(matches!(
            check(&places, "", &at(1)).unwrap(),
            Answer::Wrong { .. }
        ));
    }
}
