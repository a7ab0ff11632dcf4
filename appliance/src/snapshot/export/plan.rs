//! What an export would carry, for whom, and how much room it takes.

use std::path::Path;

use age::x25519::Recipient;

use super::contents::Contents;
use super::{ExportError, PARTIAL, PIECE_BYTES, WHOLE, estimate};
use crate::box_key::{BoxKey, PublicKey};
use crate::facility;
use crate::places::Places;
use crate::recovery;
use crate::snapshot::id::Id;
use crate::snapshot::left_out::LeftOut;
use crate::snapshot::prove::ProvenSnapshot;
use crate::snapshot::shelf::{self, Held, Snapshot};

/// What goes where.
#[derive(Debug)]
pub struct Plan {
    pub(super) snapshot: Snapshot,
    pub(super) contents: Contents,
    pub(super) recipients: Vec<Recipient>,
    /// Before [`WHOLE`].
    name: String,
    /// What it will take, about, bytes.
    pub estimate_bytes: u64,
    /// How much compressed content a piece holds.
    pub(super) piece_bytes: u64,
    _held: Held,
}

/// Plans the export of snapshot `id`; it is kept from being thrown away as long as the plan lives. Only a proven one goes, unless
/// `accept_unproven`.
///
/// # Errors
/// [`ExportError`].
pub fn plan(places: &Places, id: Id, accept_unproven: bool) -> Result<Plan, ExportError> {
    let all = shelf::list(places)?;
    let snapshot = all
        .into_iter()
        .find(|found| found.id() == id)
        .ok_or(shelf::ShelfError::Unknown(id))?;
    if !accept_unproven {
        ProvenSnapshot::of(&snapshot)?;
    }
    let held = snapshot.hold()?;
    let mut contents = Contents::of(&snapshot.directory)?;
    // An imported one may lack something already.
    contents.left_out = snapshot.manifest.left_out.clone().and(contents.left_out);
    let estimate_bytes = estimate::estimate(&snapshot.directory, &contents)?;
    let key = BoxKey::read(places)?.public();
    Ok(Plan {
        name: name(&snapshot, &key),
        recipients: recipients(places)?,
        estimate_bytes,
        contents,
        snapshot,
        piece_bytes: PIECE_BYTES,
        _held: held,
    })
}

/// `<facility>-<number>-<date>-<box>`: sorts by facility and number, and no two boxes of a facility take each other's.
fn name(snapshot: &Snapshot, key: &PublicKey) -> String {
    let manifest = &snapshot.manifest;
    let fit = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let facility = match manifest.facility.as_str() {
        id if (1..=63).contains(&id.len()) && id.bytes().all(fit) => id,
        _ => "posto",
    };
    let date = i64::try_from(manifest.moment.effective_s)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || "undated".to_string(),
            |time| time.strftime("%Y%m%d").to_string(),
        );
    let id = manifest.id.directory();
    format!("{facility}-{id}-{date}-{}", key.fingerprint().short())
}

/// The facility's own recovery identity, always, and the programme's key.
fn recipients(places: &Places) -> Result<Vec<Recipient>, ExportError> {
    let mut all = vec![recovery::recipient(places)?];
    let (facility, _) = facility::in_force(places);
    if let Some(programme) = facility.programme.age_recipient {
        let parsed = programme.parse();
        all.push(parsed.map_err(|_| ExportError::Programme(programme))?);
    }
    Ok(all)
}

impl Plan {
    /// The directory's name, without its ending.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sum of the files' lengths, bytes.
    #[must_use]
    pub fn content_bytes(&self) -> u64 {
        self.contents.bytes()
    }

    /// How many files.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.contents.files()
    }

    /// What of the snapshot stays behind.
    #[must_use]
    pub fn left_out(&self) -> &LeftOut {
        &self.contents.left_out
    }

    /// The age keys that open it.
    #[must_use]
    pub fn recipients(&self) -> Vec<String> {
        self.recipients.iter().map(ToString::to_string).collect()
    }

    /// Whether there is room in the directory `to`, where pieces of an earlier attempt count as room.
    ///
    /// # Errors
    /// [`ExportError::NoRoom`], [`ExportError::Target`].
    pub fn check_room(&self, to: &Path) -> Result<(), ExportError> {
        let failed = |source| ExportError::Target {
            path: to.to_path_buf(),
            source,
        };
        let space = rustix::fs::statvfs(to).map_err(|error| failed(error.into()))?;
        let mut free_bytes = space.f_bavail.saturating_mul(space.f_frsize);
        free_bytes = free_bytes.saturating_add(size_of(&to.join(self.partial())));
        if free_bytes < self.estimate_bytes && !to.join(self.whole()).exists() {
            let needed_bytes = self.estimate_bytes;
            return Err(ExportError::NoRoom {
                needed_bytes,
                free_bytes,
            });
        }
        Ok(())
    }

    pub(super) fn whole(&self) -> String {
        format!("{}{WHOLE}", self.name)
    }

    pub(super) fn partial(&self) -> String {
        format!("{}{PARTIAL}", self.name)
    }

    /// Takes up less room for the tests' many pieces.
    #[cfg(test)]
    pub(crate) fn with_pieces_of(self, piece_bytes: u64) -> Self {
        Self {
            piece_bytes,
            ..self
        }
    }
}

/// Sum of the files in the directory, bytes; 0 where there is none.
fn size_of(directory: &Path) -> u64 {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    let sizes = entries.filter_map(|entry| Some(entry.ok()?.metadata().ok()?.len()));
    sizes.fold(0, u64::saturating_add)
}
