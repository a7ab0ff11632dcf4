//! What a restore would do, or why it is refused: from what was observed. Imports nothing that does I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::snapshot::id::Id;
use crate::snapshot::manifest::{Manifest, Method, Moment, Reason, Schema};
use crate::snapshot::proof::{Depth, Proof, Verdict};

/// A restore needs room for names and for what changes afterwards, not for the data: their blocks are shared.
pub const ROOM_BYTES: u64 = 256 << 20;
/// Door shut, two servers stopped, the exchange, the database's start, before any of it was measured on this box.
const FIRST_GUESS: Duration = Duration::from_secs(40);

/// Which part is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The database; OpenMRS's files stay as they are now
    Database,
    /// OpenMRS's files; the database stays as it is now
    Openmrs,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Only this part.
    pub only: Option<Part>,
    /// Also one that nobody has proven.
    pub accept_unproven: bool,
}

/// What was seen. `None` where nobody could tell.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The snapshot's own words.
    pub manifest: Manifest,
    /// Its newest proof.
    pub proof: Option<Proof>,
    /// What is missing in its directory.
    pub missing: Option<String>,
    /// The running release.
    pub release: String,
    /// When it was built, unix seconds.
    pub release_built: u64,
    /// The database server of this release, e.g. `11.8.6-MariaDB-...`.
    pub mariadb: Option<String>,
    /// The present database; `None`: it does not answer.
    pub present: Option<Present>,
    /// The moment.
    pub now: Moment,
    /// Free on the data partition, in bytes.
    pub free_bytes: Option<u64>,
    /// How long OpenMRS's next start will take.
    pub expected_start: Duration,
    /// How long the door was shut before OpenMRS's start at the restore before.
    pub earlier_work: Option<Duration>,
}

/// The present database.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Present {
    /// Its schema.
    pub schema: Option<Schema>,
    /// The largest row number of each clinical table.
    pub highest: BTreeMap<String, u64>,
    /// What it has that the snapshot has not; `None`: nobody knows what the snapshot has.
    pub newer: Option<Vec<Newer>>,
}

/// What one table has that the snapshot has not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Newer {
    /// The table.
    pub table: String,
    /// Rows made since.
    pub new: u64,
    /// Older rows changed or voided since; `None`: it could not be counted in time, or the clock cannot be believed.
    pub changed: Option<u64>,
}

/// Why a snapshot may be restored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Standing {
    /// A server was started on it.
    Proven {
        /// How deep was looked.
        depth: Depth,
        /// When, unix seconds.
        unix_s: u64,
    },
    /// Its database was stopped cleanly before it was made: nothing is left to recover.
    Stopped,
    /// Nobody has looked; accepted by a person.
    Unproven,
}

/// What will be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RestorePlan {
    /// The snapshot.
    pub id: Id,
    /// Only this part.
    pub only: Option<Part>,
    /// When it was cut.
    pub moment: Moment,
    /// How long ago that is, in seconds.
    pub age_s: u64,
    /// Why it was taken.
    pub reason: Reason,
    /// The release that it belongs to.
    pub release: String,
    /// Why it may be restored.
    pub standing: Standing,
    /// Its schema is an older release's: OpenMRS migrates it at its start, behind the shut door.
    pub migrates: bool,
    /// Rows of the present database that the snapshot has not, by table, those without any left out; `None`: nobody can tell.
    pub newer: Option<Vec<Newer>>,
    /// Whether the present database answers.
    pub database_answers: bool,
    /// How long the door will be shut, in seconds; without the migration, whose length nobody knows.
    pub shut_s: u64,
}

/// Why a snapshot is not restored. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Something is missing, or its last proof was bad.
    #[error("snapshot {id} is damaged ({reason}); take another one ('posto snapshot list')")]
    Damaged {
        /// Which.
        id: Id,
        /// What is wrong.
        reason: String,
    },
    /// Nobody has started a server on it.
    #[error(
        "snapshot {id} was not proven; 'posto snapshot verify {id}' proves it, --accept-unproven takes it as it is"
    )]
    Unproven {
        /// Which.
        id: Id,
    },
    /// Of a later release.
    #[error(
        "snapshot {id} is of the later release {release}, whose schema this release ({running}) does not know; update the box first"
    )]
    NewerRelease {
        /// Which.
        id: Id,
        /// Its release.
        release: String,
        /// The running one.
        running: String,
    },
    /// Of another release line of MariaDB.
    #[error(
        "snapshot {id} is of MariaDB {theirs}, this release runs {ours}: its files cannot be taken over; restore it under release {release}"
    )]
    OtherMariadb {
        /// Which.
        id: Id,
        /// Its release.
        release: String,
        /// Its server.
        theirs: String,
        /// This release's.
        ours: String,
    },
    /// The disk is nearly full.
    #[error("{free_mb} MB are free on the data disk, {needed_mb} MB are needed; throw a snapshot away first", needed_mb = ROOM_BYTES / 1_000_000)]
    NoRoom {
        /// Free, in megabytes.
        free_mb: u64,
    },
}

/// The plan, or why there is none.
///
/// # Errors
/// [`Refusal`].
pub fn plan(seen: &Observation, wanted: Wanted) -> Result<RestorePlan, Refusal> {
    let manifest = &seen.manifest;
    let id = manifest.id;
    if let Some(missing) = &seen.missing {
        let reason = missing.clone();
        return Err(Refusal::Damaged { id, reason });
    }
    if let Some(Verdict::Bad { reason }) = seen.proof.as_ref().map(|proof| &proof.verdict) {
        let reason = reason.clone();
        return Err(Refusal::Damaged { id, reason });
    }
    let touches_database = wanted.only != Some(Part::Openmrs);
    let same_schema = seen
        .present
        .as_ref()
        .is_some_and(|present| present.schema.is_some() && present.schema == manifest.schema);
    if touches_database && manifest.release_built > seen.release_built && !same_schema {
        return Err(Refusal::NewerRelease {
            id,
            release: manifest.release.clone(),
            running: seen.release.clone(),
        });
    }
    if let Some(ours) = &seen.mariadb
        && touches_database
        && series(ours) != series(&manifest.mariadb)
    {
        return Err(Refusal::OtherMariadb {
            id,
            release: manifest.release.clone(),
            theirs: manifest.mariadb.clone(),
            ours: ours.clone(),
        });
    }
    let standing = standing(seen, wanted)?;
    if let Some(free) = seen.free_bytes.filter(|free| *free < ROOM_BYTES) {
        let free_mb = free / 1_000_000;
        return Err(Refusal::NoRoom { free_mb });
    }
    let work = seen.earlier_work.unwrap_or(FIRST_GUESS);
    let newer = seen
        .present
        .as_ref()
        .and_then(|present| present.newer.clone());
    Ok(RestorePlan {
        id,
        only: wanted.only,
        moment: manifest.moment.clone(),
        age_s: seen
            .now
            .effective_s
            .saturating_sub(manifest.moment.effective_s),
        reason: manifest.reason.clone(),
        release: manifest.release.clone(),
        standing,
        migrates: touches_database && manifest.release != seen.release && !same_schema,
        newer: newer.map(|all| {
            all.into_iter()
                .filter(|newer| newer.new > 0 || newer.changed != Some(0))
                .collect()
        }),
        database_answers: seen.present.is_some(),
        shut_s: (work + seen.expected_start).as_secs(),
    })
}

fn standing(seen: &Observation, wanted: Wanted) -> Result<Standing, Refusal> {
    let manifest = &seen.manifest;
    match &seen.proof {
        Some(proof) if proof.is_good() => Ok(Standing::Proven {
            depth: proof.depth,
            unix_s: proof.moment.unix_s,
        }),
        // Whatever else calls itself stopped came from elsewhere.
        _ if manifest.method == Method::Stopped
            && matches!(
                manifest.reason,
                Reason::BeforeRestore { .. } | Reason::BeforeUpdate { .. }
            ) =>
        {
            Ok(Standing::Stopped)
        }
        _ if wanted.accept_unproven => Ok(Standing::Unproven),
        _ => Err(Refusal::Unproven { id: manifest.id }),
    }
}

/// `11.8` of `11.8.6-MariaDB-...`: files go from one server to another within these only.
#[must_use]
pub fn series(version: &str) -> &str {
    let end = version
        .match_indices('.')
        .nth(1)
        .map_or(version.len(), |(at, _)| at);
    version.get(..end).unwrap_or(version)
}

#[cfg(test)]
mod tests;
