//! The box that is recorded: its data partition on a disk that writes down what it is told, its services one real database and
//! clerks in OpenMRS's place.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use posto::database::private_server::PrivateServer;
use posto::database::settle;
use posto::places::Places;
use posto::services::{DatabaseEnd, Services, ServicesError};
use posto::snapshot::take::Standstill;
use posto_tests::powercut::Record;

use super::clinic::{self, Clerks, block_on};
use super::counters;
use super::ground::{Ground, Mounted, Watchdog};
use super::ledger::Ledger;
use super::recorded::Disk;
use super::story::Clock;

/// Of OpenMRS's account.
const PASSWORD: &str = "aB3aB3aB3aB3aB3a";

/// `POSTO_CRASH_UNSETTLED`: stops are not settled, so that some disks hold what the server refuses.
pub(crate) fn unsettled() -> bool {
    std::env::var_os("POSTO_CRASH_UNSETTLED").is_some()
}

pub(crate) struct Live<'a> {
    pub(crate) places: Places,
    pub(crate) clock: Clock,
    pub(crate) ledger: Arc<Ledger>,
    /// The database's present life.
    pub(crate) world: Cell<u32>,
    clerks: RefCell<Option<Clerks>>,
    server: RefCell<Option<PrivateServer>>,
    root: PathBuf,
    // In this order: the file system before its disk.
    data: Option<Mounted>,
    disk: Disk<'a>,
}

impl<'a> Live<'a> {
    /// Fills the disk image `base` with a box that has worked for years, then starts it on a recording disk: nothing runs yet.
    pub(crate) fn begin(ground: &Ground, base: &Path, watchdog: &'a Watchdog) -> Self {
        let root = ground.root("live");
        let places = Places::under(&root);
        let mounted = Mounted::data(base, &places.data()).unwrap();
        fill(&places, &root);
        drop(mounted);
        let disk = Disk::serve(ground, base, watchdog);
        let data = Mounted::data(&disk.served, &places.data()).unwrap();
        Self {
            clock: Clock::new(&disk.record),
            places,
            ledger: Arc::default(),
            world: Cell::new(0),
            clerks: RefCell::default(),
            server: RefCell::default(),
            root,
            data: Some(data),
            disk,
        }
    }

    pub(crate) fn record(&self) -> &Record {
        &self.disk.record
    }

    /// The database and the clerks begin.
    pub(crate) fn open(&self) {
        block_on(async {
            self.start_database().await.unwrap();
            self.start_openmrs().await.unwrap();
        });
    }

    /// Waits for so many more commits.
    pub(crate) fn work_on(&self, commits: usize) {
        let clerks = self.clerks.borrow();
        clerks.as_ref().unwrap().wait_for(&self.ledger, commits);
    }
}

impl Drop for Live<'_> {
    fn drop(&mut self) {
        // Whoever still works is gone before the file system is.
        self.clerks.take();
        self.server.take();
        self.data.take();
    }
}

fn fill(places: &Places, root: &Path) {
    for path in [
        places.live(),
        places.snapshots(),
        places.posto(),
        places.secrets(),
        places.openmrs().join("complex_obs"),
        places.openmrs().join("configuration_checksums"),
    ] {
        std::fs::create_dir_all(path).unwrap();
    }
    std::fs::write(places.database_password(), PASSWORD).unwrap();
    std::fs::write(
        places.stamp(),
        r#"{"release":"test","slot":null,"root_hash":null}"#,
    )
    .unwrap();
    for (name, text) in [
        ("complex_obs/scan", "an image"),
        ("configuration_checksums/x", "a checksum"),
        (
            "openmrs-runtime.properties",
            "encryption.key=KEY\nconnection.password=theirs\n",
        ),
    ] {
        std::fs::write(places.openmrs().join(name), text).unwrap();
    }
    counters::prepare(places);
    clinic::install(&places.database(), &root.join("scratch"));
    block_on(async {
        let server = clinic::start(&places.database(), &root.join("server"))
            .await
            .unwrap();
        clinic::found(server.socket()).await;
        server.stop().unwrap();
    });
}

impl Services for Live<'_> {
    async fn stop(&self) -> Result<DatabaseEnd, ServicesError> {
        // As mariadb.service stops, and harder: on a box OpenMRS has ended before; here commits go on until the server ends.
        if let Some(clerks) = self.clerks.borrow().as_ref() {
            clerks.to_the_last();
        }
        let server = self.server.take();
        if let Some(server) = &server
            && !unsettled()
        {
            settle::settle(server.socket()).await?;
        }
        let end = match server {
            Some(server) => server
                .stop()
                .map(|()| DatabaseEnd::Clean)
                .map_err(|error| ServicesError::Server(error.to_string())),
            None => Ok(DatabaseEnd::Unclean),
        };
        self.clerks.take();
        end
    }

    async fn start_database(&self) -> Result<(), ServicesError> {
        let server = clinic::start(&self.places.database(), &self.root.join("server"))
            .await
            .map_err(ServicesError::Server)?;
        let socket = self.places.database_socket();
        let _ = std::fs::remove_file(&socket);
        std::os::unix::fs::symlink(server.socket(), &socket).unwrap();
        self.server.replace(Some(server));
        Ok(())
    }

    async fn start_openmrs(&self) -> Result<(), ServicesError> {
        let record = &self.disk.record;
        let clerks = Clerks::begin(&self.places, self.world.get(), &self.ledger, record);
        self.clerks.replace(Some(clerks));
        Ok(())
    }
}

/// The server answers: nothing is frozen.
pub(crate) struct Never;

impl Standstill for Never {
    async fn arm(&self, _: Duration) -> Result<(), String> {
        Err("the database answers".to_string())
    }
    async fn freeze(&self) -> Result<bool, String> {
        Ok(false)
    }
    async fn thaw(&self) -> Result<(), String> {
        Ok(())
    }
    async fn disarm(&self) -> Result<(), String> {
        Ok(())
    }
}
