//! What a box says of itself before its pings can be read: its public key, whose it is, what it runs (`docs/ping.cddl`). Sent
//! until a hub has taken it, and again whenever something in it changes. It proves that whoever says so has the key, no more:
//! that the key is a facility's says a person who compares the fingerprint.

use ed25519_dalek::VerifyingKey;
use minicbor::decode::{self, Decoder};

use super::cose::{self, CoseError, Opened, Verified};
use super::frame::FrameError;

/// The largest hello.
pub const HELLO_LIMIT_BYTES: usize = 320;
/// A facility's id, as in facility.toml.
pub const FACILITY_LIMIT_BYTES: usize = 63;
/// Longer names are cut at a character.
pub const NAME_LIMIT_BYTES: usize = 64;
/// Longer names of releases are cut.
pub const RELEASE_LIMIT_BYTES: usize = 32;

/// Hellos count their versions downwards, frames upwards: one number tells them apart.
const VERSION: i8 = -1;

/// A signed hello, ready to be sent.
pub type Signed = heapless::Vec<u8, HELLO_LIMIT_BYTES>;

/// What a box says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// From the same row of numbers as the pings'; of two hellos the larger is the newer one.
    pub sequence: u32,
    /// The public key that all else is signed with.
    pub key: VerifyingKey,
    /// The facility's id.
    pub facility: heapless::String<FACILITY_LIMIT_BYTES>,
    /// The facility's name, as people say it.
    pub name: heapless::String<NAME_LIMIT_BYTES>,
    /// The running release's name.
    pub release: heapless::String<RELEASE_LIMIT_BYTES>,
    /// When it was built, seconds since 1970: what frames say of it.
    pub release_built_s: u32,
}

/// As much of a text as fits, cut at a character.
#[must_use]
pub fn fitting<const N: usize>(text: &str) -> heapless::String<N> {
    let mut fitting = heapless::String::new();
    for character in text.chars() {
        if fitting.push(character).is_err() {
            break;
        }
    }
    fitting
}

impl Hello {
    /// Signs it. `sign`: Ed25519 over the bytes that it is given, by `key`'s other half.
    ///
    /// # Errors
    /// Never in practice: the largest hello fits.
    pub fn seal(&self, sign: impl FnOnce(&[u8]) -> [u8; 64]) -> Result<Signed, FrameError> {
        let payload: heapless::Vec<u8, HELLO_LIMIT_BYTES> = cose::written(|to| {
            to.map(7)?.u8(0)?.i8(VERSION)?;
            to.u8(1)?.u32(self.sequence)?;
            to.u8(2)?.bytes(self.key.as_bytes())?;
            to.u8(3)?.str(&self.facility)?;
            to.u8(4)?.str(&self.name)?;
            to.u8(5)?.str(&self.release)?;
            to.u8(6)?.u32(self.release_built_s)?.ok()
        })?;
        Ok(cose::seal(&payload, None, sign)?)
    }

    /// Reads one and checks it with the key that it brings along.
    ///
    /// # Errors
    /// [`FrameError`]; [`FrameError::Version`] also for a frame.
    pub fn verify(bytes: &[u8]) -> Result<Verified<Self>, FrameError> {
        if bytes.len() > HELLO_LIMIT_BYTES {
            return Err(CoseError::TooLong.into());
        }
        let opened = Opened::parse(bytes)?;
        let claimed = read(opened.unverified_payload())?;
        // A key of small order fits signatures that nobody made.
        if claimed.key.is_weak() {
            return Err(CoseError::Signature.into());
        }
        opened.check(&claimed.key)?.read(|_| Ok(claimed))
    }
}

fn read(payload: &[u8]) -> Result<Hello, FrameError> {
    let mut from = Decoder::new(payload);
    let hello = fields(&mut from).map_err(|_| FrameError::Content)??;
    if from.position() == payload.len() {
        Ok(hello)
    } else {
        Err(FrameError::Content)
    }
}

fn fields(from: &mut Decoder<'_>) -> Result<Result<Hello, FrameError>, decode::Error> {
    let pairs = from.map()?.unwrap_or(0);
    if pairs == 0 || from.i64()? != 0 {
        return Ok(Err(FrameError::Content));
    }
    let version = from.i8()?;
    if version != VERSION {
        return Ok(Err(FrameError::Version(version)));
    }
    let (mut sequence, mut key, mut built) = (None, None, None);
    let (mut facility, mut name, mut release) = (None, None, None);
    let mut last = 0;
    for _ in 1..pairs {
        let number = from.i64()?;
        if number <= last {
            return Ok(Err(FrameError::Content));
        }
        last = number;
        match number {
            1 => sequence = Some(from.u32()?),
            2 => {
                let bytes = from.bytes()?.try_into().ok();
                key = bytes.and_then(|bytes| VerifyingKey::from_bytes(bytes).ok());
            }
            3 => facility = id(from.str()?),
            4 => name = line(from.str()?),
            5 => release = line(from.str()?),
            6 => built = Some(from.u32()?),
            _ => from.skip()?,
        }
    }
    let whole = || {
        Some(Hello {
            sequence: sequence?,
            key: key?,
            facility: facility?,
            name: name?,
            release: release?,
            release_built_s: built?,
        })
    };
    Ok(whole().ok_or(FrameError::Content))
}

/// As `facility.toml` allows it: it goes into addresses and names of files.
fn id(text: &str) -> Option<heapless::String<FACILITY_LIMIT_BYTES>> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let right = !text.is_empty()
        && text.bytes().all(plain)
        && !text.starts_with('-')
        && !text.ends_with('-');
    right.then(|| text.try_into().ok()).flatten()
}

/// One line for people to read.
fn line<const N: usize>(text: &str) -> Option<heapless::String<N>> {
    let right = !text.chars().any(char::is_control);
    right.then(|| text.try_into().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ed25519_dalek::{Signer, SigningKey};

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[5; 32])
    }

    fn hello(name: &str) -> Hello {
        Hello {
            sequence: 1,
            key: key().verifying_key(),
            facility: fitting("cs-namacurra"),
            name: fitting(name),
            release: fitting("2026.11-1"),
            release_built_s: 1_793_000_000,
        }
    }

    fn sealed(hello: &Hello, by: &SigningKey) -> Signed {
        hello.seal(|bytes| by.sign(bytes).to_bytes()).unwrap()
    }

    #[test]
    fn a_hello_is_read_as_it_was_said_and_only_from_who_has_the_key() {
        let said = hello("Centro de Saúde de Namacurra");
        let verified = Hello::verify(&sealed(&said, &key())).unwrap();
        assert_eq!(*verified, said);
        let other = SigningKey::from_bytes(&[6; 32]);
        assert_eq!(
            Hello::verify(&sealed(&said, &other)),
            Err(FrameError::Cose(CoseError::Signature))
        );
    }

    #[test]
    fn the_largest_hello_fits_and_long_names_are_cut_at_a_character() {
        let said = Hello {
            sequence: u32::MAX,
            facility: fitting(&"x".repeat(80)),
            release: fitting(&"r".repeat(80)),
            release_built_s: u32::MAX,
            ..hello(&"ção".repeat(40))
        };
        assert_eq!(said.facility.len(), FACILITY_LIMIT_BYTES);
        assert!(said.name.ends_with('ç') || said.name.ends_with('ã') || said.name.ends_with('o'));
        let bytes = sealed(&said, &key());
        assert!(bytes.len() <= HELLO_LIMIT_BYTES, "{}", bytes.len());
        assert_eq!(*Hello::verify(&bytes).unwrap(), said);
    }

    #[test]
    fn what_would_harm_who_shows_it_is_no_hello() {
        for (facility, name) in [
            ("../../etc", "x"),
            ("A", "x"),
            ("", "x"),
            ("-a", "x"),
            ("a", "x\u{1b}[2J"),
        ] {
            let said = Hello {
                facility: fitting(facility),
                ..hello(name)
            };
            assert_eq!(
                Hello::verify(&sealed(&said, &key())),
                Err(FrameError::Content),
                "{facility} {name:?}"
            );
        }
    }
}
