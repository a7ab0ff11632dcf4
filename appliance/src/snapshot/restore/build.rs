//! The restored state beside the live one: cloned while the clinic works, finished once OpenMRS is down.

use std::path::{Path, PathBuf};

use super::error::RestoreError;
use super::exchange::{Attempt, PENDING};
use super::mends::{self, Mends};
use super::plan::Part;
use super::settings::{self, Sources};
use crate::openmrs::properties::LIMIT_BYTES;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::reflink::clone_tree;

const DATABASE: &str = "database";
const OPENMRS: &str = "openmrs";
const SETTINGS: &str = "openmrs-runtime.properties";
/// What the initializer module remembers to have loaded into the database: it belongs to the database.
const CHECKSUMS: &str = "configuration_checksums";
const LUCENE: &str = "lucene";

/// What goes where.
#[derive(Debug, Clone)]
pub struct Build {
    /// The box's paths.
    pub places: Places,
    /// Where it is built.
    pub attempt: Attempt,
    /// The snapshot's directory.
    pub snapshot: PathBuf,
    /// Only this part of it.
    pub only: Option<Part>,
    /// Owner of OpenMRS's files.
    pub openmrs_user: Option<u32>,
}

impl Build {
    /// Clones what comes from the snapshot, while the clinic works, and flushes it: most of the work, before the door is shut.
    ///
    /// # Errors
    /// [`RestoreError::Clone`], [`RestoreError::Durable`]; nothing live was touched.
    pub fn begin(&self) -> Result<(), RestoreError> {
        self.attempt.begin()?;
        let name = match self.only {
            Some(Part::Database) => Some(DATABASE),
            Some(Part::Openmrs) => Some(OPENMRS),
            None => None,
        };
        for part in [DATABASE, OPENMRS] {
            if name.is_none_or(|name| name == part) {
                self.clone_part(&self.snapshot, part)?;
            }
        }
        Ok(durable::sync_tree(&self.attempt.staged())?)
    }

    /// Once OpenMRS and the database are down: the part that stays as it is, settings, what belongs to the database. Nothing is
    /// flushed; [`Attempt::mark_ready`] does that.
    ///
    /// # Errors
    /// As [`Build::begin`], [`RestoreError::Mend`].
    pub fn finish(&self) -> Result<(), RestoreError> {
        match self.only {
            Some(Part::Database) => self.clone_part(&self.places.live(), OPENMRS)?,
            Some(Part::Openmrs) => self.clone_part(&self.places.live(), DATABASE)?,
            None => {}
        }
        self.checksums()?;
        self.settings()?;
        let lucene = self.attempt.staged().join(OPENMRS).join(LUCENE);
        let earlier = Mends::read(&self.source_of(DATABASE))?.is_some_and(|m| m.search_index);
        let mends = Mends {
            search_index: self.only.is_some() || earlier || !lucene.is_dir(),
        };
        Ok(mends.put(&self.attempt.staged())?)
    }

    /// Whether OpenMRS was still to be installed in the state that the database comes from.
    #[must_use]
    pub fn pending(&self) -> bool {
        if self.only == Some(Part::Openmrs) {
            self.places.install_pending().exists()
        } else {
            self.snapshot.join(PENDING).exists()
        }
    }

    /// The state that this part comes from.
    fn source_of(&self, part: &str) -> PathBuf {
        let stays = match self.only {
            Some(Part::Database) => part == OPENMRS,
            Some(Part::Openmrs) => part == DATABASE,
            None => false,
        };
        if stays {
            self.places.live()
        } else {
            self.snapshot.clone()
        }
    }

    fn clone_part(&self, from: &Path, part: &str) -> Result<(), RestoreError> {
        let from = from.join(part);
        if !std::fs::symlink_metadata(&from).is_ok_and(|found| found.is_dir()) {
            return Err(RestoreError::Odd(from));
        }
        let to = self.attempt.staged().join(part);
        clone_tree(&from, &to, &|_| false).map(drop)?;
        Ok(())
    }

    /// Those of the database's own state, in place of those that came with OpenMRS's files.
    fn checksums(&self) -> Result<(), RestoreError> {
        if self.only.is_none() {
            return Ok(());
        }
        let staged = self.attempt.staged().join(OPENMRS).join(CHECKSUMS);
        durable::remove(&staged)?;
        let from = self.source_of(DATABASE).join(OPENMRS).join(CHECKSUMS);
        if std::fs::symlink_metadata(&from).is_ok_and(|found| found.is_dir()) {
            clone_tree(&from, &staged, &|_| false).map(drop)?;
        }
        Ok(())
    }

    fn settings(&self) -> Result<(), RestoreError> {
        let of = |state: &Path| read(&state.join(OPENMRS).join(SETTINGS));
        let Some(files) = of(&self.source_of(OPENMRS))? else {
            return Ok(());
        };
        let database = of(&self.source_of(DATABASE))?;
        let present = of(&self.places.live())?;
        let sources = Sources {
            files: &files,
            database: database.as_deref().unwrap_or(&files),
            present: present.as_deref(),
        };
        let text = settings::runtime_properties(&sources, &mends::password(&self.places)?);
        let owner = self
            .openmrs_user
            .map_or(Owner::mode(0o600), |id| Owner::user(id, 0o600));
        let path = self.attempt.staged().join(OPENMRS).join(SETTINGS);
        Ok(durable::write(&path, &settings::bytes_of(&text), owner)?)
    }
}

/// The settings in this file, not through a link: the directory is OpenMRS's own.
fn read(path: &Path) -> Result<Option<String>, DurableError> {
    if !std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file()) {
        return Ok(None);
    }
    let bytes = durable::read(path, LIMIT_BYTES)?;
    Ok(bytes.map(|bytes| settings::text_of(&bytes)))
}
