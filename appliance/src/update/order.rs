//! What the networked worker is told: it has no rights to read the box's files, so root leaves all that it needs on tmpfs.

use posto_signing::rollout::{Site, Updates};
use serde::{Deserialize, Serialize};

use super::trust::Trust;
use crate::facility::Facility;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// Eight mirrors and ten certificates are far less.
const LIMIT_BYTES: u64 = 128 * 1024;

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Work {
    /// Ask what there is.
    Check,
    /// And bring it.
    Fetch,
}

/// What root tells the worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// What to do.
    pub work: Work,
    /// The site's id.
    pub facility: String,
    /// `auto`, `hold`, `ring N`.
    pub updates: crate::facility::Updates,
    /// Whom the box follows.
    pub channel: String,
    /// Addresses, asked in this order.
    pub mirrors: Vec<String>,
    /// PEM; `None`: who browsers believe.
    pub authorities: Option<String>,
    /// Megabytes.
    pub megabytes_a_month: u32,
    /// Of this box, MiB.
    pub memory_mib: u64,
    /// Of this box's disk, bytes.
    pub disk_bytes: u64,
    /// The running release.
    pub running: String,
    /// When the running image was built, unix seconds.
    pub image_built_s: i64,
    /// Nothing at or below it is taken, unix seconds.
    pub floor_built_s: i64,
    /// The patch against the running release did not fit: the whole frames, please.
    pub whole: bool,
    /// Somebody asked at the box: the facility file's `hold` does not count.
    pub by_hand: bool,
}

impl Order {
    /// The order as the box stands. `clock`-free: the worker reads its own.
    #[must_use]
    pub fn of(facility: &Facility, trust: &Trust, memory_mib: u64, disk_bytes: u64) -> Self {
        let releases = &facility.releases;
        Self {
            work: Work::Check,
            facility: facility.id.clone(),
            updates: facility.updates,
            channel: releases.channel.clone(),
            mirrors: releases.mirrors.clone(),
            authorities: releases.authorities.clone(),
            megabytes_a_month: releases.megabytes_a_month,
            memory_mib,
            disk_bytes,
            running: trust.identity.release.clone(),
            image_built_s: trust.image_built_s(),
            floor_built_s: trust.floor_built_s,
            whole: false,
            by_hand: false,
        }
    }

    /// The box that decides, at the best known time `now_s`. By hand a box takes what is offered to any ring: somebody stands there.
    #[must_use]
    pub fn site(&self, now_s: i64) -> Site<'_> {
        let updates = match self.updates.0 {
            _ if self.by_hand => Updates::Ring(0),
            other => other,
        };
        Site {
            facility: &self.facility,
            updates,
            channel: &self.channel,
            memory_mib: self.memory_mib,
            disk_bytes: self.disk_bytes,
            floor_built_s: self.floor_built_s,
            now_s,
        }
    }

    /// Leaves it for the worker.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn write(&self, places: &Places) -> Result<(), DurableError> {
        durable::directory(&places.run(), Owner::mode(0o755))?;
        let text = serde_json::to_vec(self).unwrap_or_default();
        durable::write(&places.update_order(), &text, Owner::mode(0o644))
    }

    /// What root left. `None`: nothing, or nothing that can be read.
    #[must_use]
    pub fn read(places: &Places) -> Option<Self> {
        let text = durable::read(&places.update_order(), LIMIT_BYTES).ok()??;
        serde_json::from_slice(&text).ok()
    }
}
