//! A ping: how one box was at one moment, as a CBOR map with small numbers as keys (`docs/ping.cddl`), signed by the box
//! ([`super::cose`]). No heap, no I/O, and a hard bound: 172 bytes, 200 with the headers of UDP and IPv4; a short one fits
//! into an SMS (140 bytes).
//!
//! What is not known is left out, never said as good. Figures that are larger than their field stay at its end
//! (`u16::MAX` minutes: 45 days or longer). Unknown keys are passed over, so that a newer box may say more to an older hub.

mod state;
mod wire;

pub use state::{Clock, Door, Mode, Power, Proof, Slot, Smart, State, Tri, Update};

use ed25519_dalek::VerifyingKey;

use super::cose::{self, CoseError, KeyId, Opened, Verified};

/// UDP and IPv4 add 28 bytes (RFC 768, RFC 791): 200 on the wire.
pub const FRAME_LIMIT_BYTES: usize = 172;
/// Bytes of one SMS (3GPP TS 23.040, 8-bit data).
pub const SHORT_LIMIT_BYTES: usize = 140;
/// What is read: room for what newer boxes say.
pub const READ_LIMIT_BYTES: usize = 200;
/// What a ping's payload may take.
const PAYLOAD_LIMIT_BYTES: usize = FRAME_LIMIT_BYTES - cose::OVERHEAD_BYTES;
/// The largest value of `journal_days_behind`: so many or more.
pub const JOURNAL_DAYS_LIMIT: u8 = 23;

/// A signed frame, ready to be sent.
pub type Signed = heapless::Vec<u8, FRAME_LIMIT_BYTES>;

/// How a box was. `None`: not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Frame {
    /// One more than the ping before; shared with the hellos. Never given twice by one key.
    pub sequence: u32,
    /// Boots of this box so far, this one included.
    pub boot: Option<u16>,
    /// When, seconds since 1970 (UTC) by the box's clock; what that is worth is `state.clock`.
    pub at_unix_s: u32,
    /// What is told in a few bits.
    pub state: State,
    /// The running release, by the time of its build, seconds since 1970; its name is in the box's hello.
    pub release_built_s: Option<u32>,
    /// Since when OpenMRS has been up or down, minutes.
    pub openmrs_since_min: Option<u16>,
    /// What the last start of OpenMRS took, seconds.
    pub last_start_s: Option<u16>,
    /// Age of the newest committed encounter, minutes.
    pub encounter_age_min: Option<u16>,
    /// Encounters entered since midnight, local time.
    pub encounters_today: Option<u16>,
    /// Age of the newest snapshot, minutes.
    pub snapshot_age_min: Option<u16>,
    /// Age of the newest copy off the box, hours.
    pub copy_age_h: Option<u16>,
    /// Days of the journal that are not off the box yet, [`JOURNAL_DAYS_LIMIT`] at most.
    pub journal_days_behind: Option<u8>,
    /// Left of the month's budget, MB (10^6 bytes).
    pub budget_left_mb: Option<u16>,
    /// Of the data disk, used, percent.
    pub disk_used_percent: Option<u8>,
    /// Of the data disk, free, GB (10^9 bytes).
    pub disk_free_gb: Option<u16>,
    /// Of the data disk's inodes, used, percent.
    pub inodes_used_percent: Option<u8>,
    /// Of the data disk's endurance, used, percent (may pass 100).
    pub wear_percent: Option<u8>,
    /// Share of the last five minutes in which something waited for memory, percent (PSI `some avg300`).
    pub memory_pressure_percent: Option<u8>,
    /// The hottest sensor, degrees Celsius.
    pub temperature_c: Option<u8>,
    /// Boots that did not end in order: power cuts.
    pub unclean_boots: Option<u16>,
    /// The worst standing alarm ([`super::alarm_code`]); `None`: none stands.
    pub alarm: Option<u8>,
}

/// Why bytes are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not signed as frames are.
    #[error("{0}")]
    Cose(#[from] CoseError),
    /// The signer is not named.
    #[error("it does not say whose it is")]
    Nameless,
    /// Another version, or a hello.
    #[error("it is of version {0}; this program reads version 1")]
    Version(i8),
    /// Signed, but not what `docs/ping.cddl` says.
    #[error("its content is not that of a frame")]
    Content,
}

impl Frame {
    /// Signs it. `sign`: Ed25519 over the bytes that it is given.
    ///
    /// # Errors
    /// Never in practice: the largest frame has [`FRAME_LIMIT_BYTES`].
    pub fn seal(
        &self,
        signer: KeyId,
        sign: impl FnOnce(&[u8]) -> [u8; 64],
    ) -> Result<Signed, FrameError> {
        let payload = wire::encode(self)?;
        Ok(cose::seal(&payload, Some(signer), sign)?)
    }

    /// Age of the newest committed encounter, seconds.
    #[must_use]
    pub fn encounter_age_s(&self) -> Option<u64> {
        self.encounter_age_min.map(|min| u64::from(min) * 60)
    }

    /// Age of the newest snapshot, seconds.
    #[must_use]
    pub fn snapshot_age_s(&self) -> Option<u64> {
        self.snapshot_age_min.map(|min| u64::from(min) * 60)
    }

    /// Age of the newest copy off the box, seconds.
    #[must_use]
    pub fn copy_age_s(&self) -> Option<u64> {
        self.copy_age_h.map(|h| u64::from(h) * 3600)
    }

    /// The same with what matters most alone: fits into an SMS.
    #[must_use]
    pub fn short(&self) -> Self {
        Self {
            sequence: self.sequence,
            at_unix_s: self.at_unix_s,
            state: State {
                short: true,
                ..self.state
            },
            boot: self.boot,
            release_built_s: self.release_built_s,
            encounter_age_min: self.encounter_age_min,
            encounters_today: self.encounters_today,
            snapshot_age_min: self.snapshot_age_min,
            disk_free_gb: self.disk_free_gb,
            unclean_boots: self.unclean_boots,
            alarm: self.alarm,
            ..Self::default()
        }
    }
}

/// A frame as it came: only who says to have signed it can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unverified<'a> {
    opened: Opened<'a>,
    signer: KeyId,
}

impl<'a> Unverified<'a> {
    /// Takes it apart.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, FrameError> {
        if bytes.len() > READ_LIMIT_BYTES {
            return Err(CoseError::TooLong.into());
        }
        let opened = Opened::parse(bytes)?;
        let signer = opened.signer.ok_or(FrameError::Nameless)?;
        Ok(Self { opened, signer })
    }

    /// Whose key is needed.
    #[must_use]
    pub fn signer(&self) -> KeyId {
        self.signer
    }

    /// What it says, unchecked: for who checked the signature before keeping the bytes.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn unchecked(&self) -> Result<Frame, FrameError> {
        wire::decode(self.opened.unverified_payload())
    }

    /// The frame, if this key signed it.
    ///
    /// # Errors
    /// [`FrameError`].
    pub fn verify(&self, key: &VerifyingKey) -> Result<Verified<Frame>, FrameError> {
        self.opened.check(key)?.read(wire::decode)
    }
}

#[cfg(test)]
mod tests;
