//! What a snapshot says of itself: `manifest.json` in its directory, written before the directory gets its name. The catalogue
//! can be made again from these.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::id::Id;
use super::left_out::LeftOut;
use crate::system::durable::{self, DurableError};

/// The file's name in the snapshot's directory.
pub const FILE: &str = "manifest.json";
/// The form that this release writes. A larger one is of a later release and is not read.
pub const FORMAT: u32 = 1;
/// No honest manifest is larger.
const LIMIT_BYTES: u64 = 256 * 1024;

/// One snapshot's manifest. Fields are only ever added, with a default, so that the release before can read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: u32,
    /// The snapshot's number.
    pub id: Id,
    /// When it was cut.
    pub moment: Moment,
    /// Why it was taken.
    pub reason: Reason,
    /// How.
    pub method: Method,
    /// The facility's id.
    pub facility: String,
    /// The release that the data belonged to.
    pub release: String,
    /// When that release was built, unix seconds: a later one may have changed the schema.
    pub release_built: u64,
    /// The server's own word, e.g. `11.8.6-MariaDB-...`.
    pub mariadb: String,
    /// OpenMRS's schema; `None` where nobody could ask.
    #[serde(default)]
    pub schema: Option<Schema>,
    /// Where in the server's log the cut is; `None` unless [`Method::HotClone`].
    #[serde(default)]
    pub cut: Option<Cut>,
    /// The largest row number of each clinical table, asked just before the cut, where the row was still there after it; see
    /// [`Manifest::promised`].
    #[serde(default)]
    pub highest: BTreeMap<String, u64>,
    /// How long commits were held, in microseconds.
    #[serde(default)]
    pub held_us: u64,
    /// Sum of the files' lengths.
    #[serde(default)]
    pub apparent_bytes: u64,
    /// What the copy that it came from does not carry.
    #[serde(default, skip_serializing_if = "LeftOut::is_nothing")]
    pub left_out: LeftOut,
}

/// A moment on a box whose clock may be dead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// What the wall clock said, unix seconds.
    pub unix_s: u64,
    /// Whether that could be true (not before the release was built, not decades after).
    pub clock_plausible: bool,
    /// For retention: never smaller than the snapshot's before, moved on by uptime where the clock cannot be believed.
    pub effective_s: u64,
    /// The box's uptime over all boots, in seconds (the ledger's).
    pub uptime_s: u64,
    /// The kernel's name of the boot.
    pub boot: String,
}

/// Why a snapshot was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Reason {
    /// The schedule.
    Scheduled,
    /// Somebody asked for it.
    ByHand {
        /// In their words.
        text: String,
    },
    /// What a restore replaced: the present state of then.
    BeforeRestore {
        /// What was put in its place.
        restored: Id,
    },
    /// Before another release is tried.
    BeforeUpdate {
        /// Which.
        release: String,
    },
    /// From another box or an earlier life of this one, by `posto snapshot import`.
    Imported {
        /// The facility that it was taken at.
        facility: String,
        /// Its number there.
        id: Id,
    },
    /// Of a kind this release does not know.
    #[serde(other)]
    Other,
}

impl Reason {
    /// Its kind in words of lower case and dashes; the texts `reason-<code>` say it to people.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::ByHand { .. } => "by-hand",
            Self::BeforeRestore { .. } => "before-restore",
            Self::BeforeUpdate { .. } => "before-update",
            Self::Imported { .. } => "imported",
            Self::Other => "other",
        }
    }
}

/// How a snapshot was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Extents cloned while the clinic works, redo copied from the checkpoint.
    HotClone,
    /// The database stood still while all was cloned; it did not answer.
    Freeze,
    /// The database was stopped cleanly.
    Stopped,
}

/// OpenMRS's schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schema {
    /// Rows of `liquibasechangelog`.
    pub changesets: u64,
    /// The change set with the largest ORDEREXECUTED.
    pub newest: String,
}

/// The cut in the server's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// The checkpoint that recovery begins from.
    pub checkpoint_lsn: u64,
    /// The last LSN in the copied log.
    pub lsn: u64,
    /// The journal (binlog) at the cut.
    #[serde(default)]
    pub binlog: Option<Binlog>,
}

/// A place in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Binlog {
    /// E.g. `binlog.000002`.
    pub file: String,
    /// Byte offset.
    pub position: u64,
}

/// Why a manifest could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// There is none.
    #[error("{0} has no manifest: it is not a whole snapshot")]
    Missing(std::path::PathBuf),
    /// It is no manifest.
    #[error(
        "{path} is damaged ({source}): this snapshot cannot be described; its data were not touched"
    )]
    Damaged {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// Of a later release.
    #[error(
        "{path} is of a later release of Posto (format {format}); this one reads up to {FORMAT}"
    )]
    Later {
        /// The file.
        path: std::path::PathBuf,
        /// Its form.
        format: u32,
    },
}

impl Manifest {
    /// The rows of [`Manifest::highest`] that must be in the snapshot: those of a hot clone. What a restore replaced was asked
    /// while the clinic worked, some time before it was stopped: rows may have been deleted since, and nobody could ask again.
    #[must_use]
    pub fn promised(&self) -> BTreeMap<String, u64> {
        match self.method {
            Method::HotClone => self.highest.clone(),
            Method::Freeze | Method::Stopped => BTreeMap::new(),
        }
    }

    /// Reads the manifest of the snapshot in `directory`.
    ///
    /// # Errors
    /// [`ManifestError`].
    pub fn read(directory: &Path) -> Result<Self, ManifestError> {
        let path = directory.join(FILE);
        let bytes = durable::read(&path, LIMIT_BYTES)?
            .ok_or_else(|| ManifestError::Missing(directory.to_path_buf()))?;
        let manifest: Self =
            serde_json::from_slice(&bytes).map_err(|source| ManifestError::Damaged {
                path: path.clone(),
                source,
            })?;
        if manifest.format > FORMAT {
            return Err(ManifestError::Later {
                path,
                format: manifest.format,
            });
        }
        Ok(manifest)
    }

    /// Leaves it in `directory`, durably.
    ///
    /// # Errors
    /// [`DurableError`].
    pub fn write(&self, directory: &Path) -> Result<(), DurableError> {
        let text = serde_json::to_vec_pretty(self).unwrap_or_default();
        durable::write(&directory.join(FILE), &text, durable::Owner::mode(0o600))
    }
}
