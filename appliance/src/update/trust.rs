//! What trust begins with: the root that is in the read-only image, and the floor below which no release is taken. Neither is lost with
//! the data partition's state.

use posto_release::identity::ReleaseIdentity;
use posto_signing::state::{DatabaseState, Opened, StateError};
use posto_signing::time::Clues;

use crate::places::Places;
use crate::release::{self, RunningError};
use crate::system::durable::{self, DurableError};
use crate::system::log::log;

/// A root with a dozen keys has a few KiB.
const ROOT_LIMIT_BYTES: u64 = 64 * 1024;

/// Why nothing can be believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// Built without.
    #[error(
        "this image was built without a trusted root (posto-image build --trusted-root): it takes no updates; the release engineer must build it again"
    )]
    NoRoot,
    /// A file.
    #[error(transparent)]
    File(#[from] DurableError),
    /// What is running.
    #[error(transparent)]
    Running(#[from] RunningError),
    /// Trusted state.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Where trust begins on this box.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The image's root.
    pub root: Vec<u8>,
    /// The running release.
    pub identity: ReleaseIdentity,
    /// Unix seconds: the later of the running image's build and that of the newest release that this box ever ran.
    pub floor_built_s: i64,
    /// The newest signed time that root has accepted.
    pub last_signed_s: Option<i64>,
}

impl Trust {
    /// Reads it, as root.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn read(places: &Places) -> Result<Self, TrustError> {
        let state = open(places)?;
        let mut trust = Self::of_the_image(places)?;
        let kept = state.release_floor_built_s()?.unwrap_or(i64::MIN);
        trust.floor_built_s = trust.floor_built_s.max(kept);
        trust.last_signed_s = state.signed_time_s()?;
        Ok(trust)
    }

    /// What the image alone says.
    ///
    /// # Errors
    /// [`TrustError`].
    pub fn of_the_image(places: &Places) -> Result<Self, TrustError> {
        let root =
            durable::read(&places.trusted_root(), ROOT_LIMIT_BYTES)?.ok_or(TrustError::NoRoot)?;
        let identity = release::identity(places)?;
        let mut trust = Self {
            root,
            identity,
            floor_built_s: 0,
            last_signed_s: None,
        };
        trust.floor_built_s = trust.image_built_s();
        Ok(trust)
    }

    /// When the running image was built, unix seconds.
    #[must_use]
    pub fn image_built_s(&self) -> i64 {
        i64::try_from(self.identity.built).unwrap_or(i64::MAX)
    }

    /// The best known time, unix seconds, while the clock says `clock_s`.
    #[must_use]
    pub fn now_s(&self, clock_s: i64) -> i64 {
        Clues {
            image_built_s: self.image_built_s(),
            last_signed_s: self.last_signed_s,
            clock_s,
        }
        .best_s()
    }
}

/// Root's trusted state.
///
/// # Errors
/// When the disk refuses.
pub fn open(places: &Places) -> Result<DatabaseState, StateError> {
    let (state, opened) = DatabaseState::open(&places.update_state())?;
    if opened == Opened::Replaced {
        log(
            "the trusted state of updates was damaged and begins anew from the image's root; nothing older is taken all the same",
        );
    }
    Ok(state)
}
