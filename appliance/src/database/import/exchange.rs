//! The exchange of the live database with the imported one, and its end after a power cut at any point.
//!
//! What is on disk says how far it came; nothing else is remembered. The new data directory carries a mark with the
//! import's name: where the mark is, the new database is. One RENAME_EXCHANGE moves it from staging to live, so there
//! is no moment without a whole database in place.
//!
//! | on disk | the end |
//! |---|---|
//! | no mark in live | the old database stays, staging is removed |
//! | the mark in live, its staging there | the steps after the exchange are done (again), the old database is kept |

use std::path::{Path, PathBuf};

use crate::database::server::OPENMRS_ID;
use crate::places::Places;
use crate::system::clock;
use crate::system::durable::{self, DurableError, Owner};

/// In the new data directory until all is done. MariaDB takes no notice of files it does not know.
const MARK: &str = ".posto-import";
const PREFIX: &str = "import-";
const PROPERTIES: &str = "openmrs-runtime.properties";
/// An hour of seconds: nobody imports so often.
const STAMPS_TRIED: u64 = 3600;
/// What the initializer module remembers to have loaded into the database: untrue for another one.
const CHECKSUMS: &str = "configuration_checksums";

/// One import's places on the data partition.
#[derive(Debug, Clone)]
pub struct Attempt {
    places: Places,
    id: String,
}

/// What became of an interrupted import.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finished {
    /// It had not come to the exchange: the old database serves, its staging was removed.
    Removed(String),
    /// It had: the new database is in place; the old one is kept here.
    Completed(PathBuf),
}

/// One step after the exchange. Each may be done again without harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The prepared openmrs-runtime.properties to its place.
    Properties,
    /// OpenMRS needs no first installation any more.
    InstallPending,
    /// The initializer's checksums out of the way, beside the old database.
    Checksums,
    /// The old database to where it is kept.
    KeepOld,
    /// Staging gone.
    Staging,
    /// The mark gone.
    Mark,
}

/// The steps after the exchange in their order. The mark goes last: while it and staging are there, a power cut leads
/// back to the first.
pub const AFTER: [Step; 6] = [
    Step::Properties,
    Step::InstallPending,
    Step::Checksums,
    Step::KeepOld,
    Step::Staging,
    Step::Mark,
];

impl Attempt {
    /// `stamp`: the time as [`crate::system::clock::file_stamp`] writes it; the replaced database is kept under it.
    #[must_use]
    pub fn new(places: &Places, stamp: &str) -> Self {
        Self {
            places: places.clone(),
            id: stamp.to_string(),
        }
    }

    /// Where everything of this import is until the exchange.
    #[must_use]
    pub fn staging(&self) -> PathBuf {
        self.places.staging().join(format!("{PREFIX}{}", self.id))
    }

    /// The new data directory before the exchange, the old one after it.
    #[must_use]
    pub fn staged_database(&self) -> PathBuf {
        self.staging().join("database")
    }

    /// Where the old database is kept.
    #[must_use]
    pub fn replaced(&self) -> PathBuf {
        self.places.replaced().join(format!("{}-import", self.id))
    }

    /// Marks the new data directory as whole and flushes every byte of it: its server wrote without flushing.
    ///
    /// # Errors
    /// [`DurableError`]; nothing live was touched.
    pub fn mark_ready(&self) -> Result<(), DurableError> {
        let mark = self.staged_database().join(MARK);
        durable::write(&mark, self.id.as_bytes(), Owner::mode(0o600))?;
        durable::sync_tree(&self.staged_database())
    }

    /// Puts the openmrs-runtime.properties for after the exchange beside the new database. `user`: its owner.
    ///
    /// # Errors
    /// [`DurableError`]; nothing live was touched.
    pub fn prepare_properties(&self, text: &str, user: Option<u32>) -> Result<(), DurableError> {
        let owner = user.map_or(Owner::mode(0o600), |id| Owner::user(id, 0o600));
        durable::write(&self.staging().join(PROPERTIES), text.as_bytes(), owner)
    }

    /// The exchange. Done again it is undone. Both servers must be down.
    ///
    /// # Errors
    /// [`DurableError::Rename`]: both are as before.
    pub fn exchange(&self) -> Result<(), DurableError> {
        durable::exchange(&self.staged_database(), &self.places.database())
    }

    /// Does one step after the exchange.
    ///
    /// # Errors
    /// [`DurableError`]; the new database is in place, the step may be done again.
    pub fn do_step(&self, step: Step) -> Result<(), DurableError> {
        match step {
            Step::Properties => move_if_there(
                &self.staging().join(PROPERTIES),
                &self.places.runtime_properties(),
            ),
            Step::InstallPending => durable::remove(&self.places.install_pending()),
            Step::Checksums => {
                self.make_replaced()?;
                let kept = self.replaced().join(CHECKSUMS);
                let live = self.places.openmrs().join(CHECKSUMS);
                if kept.exists() {
                    Ok(())
                } else {
                    move_if_there(&live, &kept)
                }
            }
            Step::KeepOld => {
                self.make_replaced()?;
                move_if_there(&self.staged_database(), &self.replaced().join("database"))
            }
            Step::Staging => durable::remove(&self.staging()),
            Step::Mark => durable::remove(&self.places.database().join(MARK)),
        }
    }

    /// Throws the attempt away.
    ///
    /// # Errors
    /// [`DurableError::Remove`]; the live database was not touched.
    pub fn discard(&self) -> Result<(), DurableError> {
        durable::remove(&self.staging())
    }

    fn make_replaced(&self) -> Result<(), DurableError> {
        durable::directory(&self.places.replaced(), Owner::mode(0o700))?;
        durable::directory(&self.replaced(), Owner::mode(0o700))
    }

    /// Whether the live directory is this import's.
    fn is_live(&self) -> Result<bool, DurableError> {
        let mark = durable::read(&self.places.database().join(MARK), 256)?;
        Ok(mark.as_deref() == Some(self.id.as_bytes()))
    }
}

fn move_if_there(from: &Path, to: &Path) -> Result<(), DurableError> {
    match std::fs::symlink_metadata(from) {
        Ok(_) => durable::rename(from, to),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(source) => Err(DurableError::Read {
            path: from.to_path_buf(),
            source,
        }),
    }
}

/// Brings every interrupted import to its end, forward or back, by what is on disk. For boot, before MariaDB starts,
/// and for the next import; never while one is under way.
///
/// # Errors
/// [`DurableError`]: the database must stay down until a person has looked.
pub fn finish_interrupted(places: &Places) -> Result<Vec<Finished>, DurableError> {
    let mut all = Vec::new();
    for id in durable::names_after(&places.staging(), PREFIX)? {
        let attempt = Attempt::new(places, &id);
        if attempt.is_live()? {
            for step in AFTER {
                attempt.do_step(step)?;
            }
            all.push(Finished::Completed(attempt.replaced()));
        } else {
            attempt.discard()?;
            all.push(Finished::Removed(attempt.id));
        }
    }
    Ok(all)
}

/// The owner of OpenMRS's files on the box.
#[must_use]
pub fn openmrs_owner() -> Option<u32> {
    rustix::process::geteuid().is_root().then_some(OPENMRS_ID)
}

/// The time as [`clock::file_stamp`] writes it, moved on where something replaced already carries it: a dead clock may say
/// the same second twice, and nothing that was kept may be met again.
#[must_use]
pub fn free_stamp(places: &Places, unix_seconds: u64) -> String {
    let taken = |stamp: &str| places.replaced().join(format!("{stamp}-import")).exists();
    (0..=STAMPS_TRIED)
        .map(|later| clock::file_stamp(unix_seconds.saturating_add(later)))
        .find(|stamp| !taken(stamp))
        .unwrap_or_else(|| clock::file_stamp(unix_seconds))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;

    const STAMP: &str = "20261122T174951Z";

    /// A box with an old database and a built new one; `installed`: OpenMRS was there before.
    fn ground(installed: bool) -> (tempfile::TempDir, Attempt) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        let attempt = Attempt::new(&places, STAMP);
        for path in [
            places.database(),
            places.openmrs(),
            places.posto(),
            attempt.staged_database(),
        ] {
            std::fs::create_dir_all(path).unwrap();
        }
        std::fs::write(places.database().join("data"), "old").unwrap();
        std::fs::write(attempt.staged_database().join("data"), "new").unwrap();
        if installed {
            std::fs::write(places.runtime_properties(), "old properties").unwrap();
            std::fs::create_dir(places.openmrs().join(CHECKSUMS)).unwrap();
        } else {
            std::fs::write(places.install_pending(), "").unwrap();
        }
        (dir, attempt)
    }

    #[test]
    fn the_same_second_of_a_dead_clock_never_meets_what_was_kept() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        assert_eq!(free_stamp(&places, 0), "19700101T000000Z");
        std::fs::create_dir_all(Attempt::new(&places, "19700101T000000Z").replaced()).unwrap();
        assert_eq!(free_stamp(&places, 0), "19700101T000001Z");
    }

    type Do = Box<dyn Fn(&Attempt)>;

    /// Everything that an import changes on disk, in its order.
    fn steps() -> Vec<Do> {
        let mut all: Vec<Do> = vec![
            Box::new(|a| a.mark_ready().unwrap()),
            Box::new(|a| a.prepare_properties("new properties", None).unwrap()),
            Box::new(|a| a.exchange().unwrap()),
        ];
        all.extend(AFTER.map(|step| -> Do { Box::new(move |a| a.do_step(step).unwrap()) }));
        all
    }

    fn content(path: &Path) -> Option<String> {
        std::fs::read_to_string(path).ok()
    }

    fn assert_old(attempt: &Attempt, installed: bool) {
        let places = &attempt.places;
        assert_eq!(content(&places.database().join("data")).unwrap(), "old");
        assert!(!attempt.staging().exists() && !attempt.replaced().exists());
        assert_eq!(places.install_pending().exists(), !installed);
        assert_eq!(
            content(&places.runtime_properties()),
            installed.then(|| "old properties".to_string())
        );
    }

    fn assert_new(attempt: &Attempt, installed: bool) {
        let places = &attempt.places;
        assert_eq!(content(&places.database().join("data")).unwrap(), "new");
        assert_eq!(
            content(&attempt.replaced().join("database/data")).unwrap(),
            "old"
        );
        assert_eq!(
            content(&places.runtime_properties()).unwrap(),
            "new properties"
        );
        assert!(!places.install_pending().exists() && !attempt.staging().exists());
        assert_eq!(attempt.replaced().join(CHECKSUMS).exists(), installed);
        assert!(!places.openmrs().join(CHECKSUMS).exists());
        assert!(!places.database().join(MARK).exists());
    }

    #[test]
    fn a_power_cut_after_any_step_ends_with_one_whole_database_and_a_second_boot_changes_nothing() {
        const EXCHANGE: usize = 3;
        for installed in [false, true] {
            for done in 0..=steps().len() {
                let (_dir, attempt) = ground(installed);
                steps().iter().take(done).for_each(|step| step(&attempt));
                for _ in 0..2 {
                    finish_interrupted(&attempt.places).unwrap();
                }
                if done < EXCHANGE {
                    assert_old(&attempt, installed);
                } else if done < steps().len() - 1 {
                    assert_new(&attempt, installed);
                } else {
                    // Staging is gone: only the mark may be left, and means nothing without its staging.
                    let _ = std::fs::remove_file(attempt.places.database().join(MARK));
                    assert_new(&attempt, installed);
                }
            }
        }
    }

    #[test]
    fn a_power_cut_while_an_interrupted_import_is_finished_is_finished_the_next_time() {
        for done in 3..steps().len() {
            for again in 0..=AFTER.len() {
                let (_dir, attempt) = ground(true);
                steps().iter().take(done).for_each(|step| step(&attempt));
                AFTER
                    .iter()
                    .take(again)
                    .for_each(|step| attempt.do_step(*step).unwrap());
                finish_interrupted(&attempt.places).unwrap();
                let _ = std::fs::remove_file(attempt.places.database().join(MARK));
                assert_new(&attempt, true);
            }
        }
    }

    #[test]
    fn going_back_after_a_new_database_that_does_not_start_survives_a_power_cut_too() {
        let (_dir, attempt) = ground(true);
        steps().iter().take(3).for_each(|step| step(&attempt));
        attempt.exchange().unwrap();
        assert_eq!(
            finish_interrupted(&attempt.places).unwrap(),
            [Finished::Removed(STAMP.to_string())]
        );
        assert_old(&attempt, true);
    }

    #[test]
    fn another_imports_mark_does_not_make_this_ones_staging_the_old_database() {
        let (_dir, attempt) = ground(true);
        std::fs::write(attempt.places.database().join(MARK), "20200101T000000Z").unwrap();
        finish_interrupted(&attempt.places).unwrap();
        assert_eq!(
            content(&attempt.places.database().join("data")).unwrap(),
            "old"
        );
        assert!(!attempt.staging().exists());
    }
}
