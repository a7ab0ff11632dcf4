//! A facility's data partition with a server at work on it, from which snapshots are taken.

use std::time::Duration;

use posto::places::Places;
use posto::snapshot::manifest::{Manifest, Reason};
use posto::snapshot::take::{Progress, Request, Standstill, TakeError, take};
use posto::system::reflink::clone_tree;

use super::clinic;
use super::mariadb::{self, Server, block_on};
use super::xfs::Xfs;

/// 300,000 rows of [`clinic::found`] are about 110 MB on disk: eight times this.
pub const POOL: &str = "--innodb-buffer-pool-size=14M";

pub struct Site {
    pub places: Places,
    server: Option<Server>,
    // Last: the server's files are on it.
    pub xfs: Xfs,
}

impl Site {
    /// `rows` observations of earlier years, a redo log of `log_mb`. `None` where it cannot be made here.
    pub fn new(rows: u64, log_mb: u64) -> Option<Self> {
        if !mariadb::is_here() {
            return None;
        }
        let xfs = Xfs::new(6 << 30)?;
        let places = Places::under(&xfs.path());
        for path in [
            places.live(),
            places.snapshots(),
            places.posto(),
            places.run(),
            places.openmrs(),
        ] {
            std::fs::create_dir_all(path).unwrap();
        }
        let app = places.openmrs();
        std::fs::write(app.join("openmrs-runtime.properties"), "encryption.key=1\n").unwrap();
        std::fs::create_dir(app.join("lucene")).unwrap();
        std::fs::write(app.join("lucene/segments"), "x").unwrap();
        Server::install(&places.database(), &xfs.path().join("scratch"));
        let (data, socket) = (places.database(), places.database_socket());
        let server = Server::start(&data, &socket, &["--innodb-buffer-pool-size=256M"]);
        clinic::found(&server, rows);
        server.stop();
        let log = format!("--innodb-log-file-size={log_mb}M");
        let server = Server::start(&data, &socket, &[POOL, &log]);
        Some(Self {
            places,
            server: Some(server),
            xfs,
        })
    }

    pub fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }

    /// Does `work` with the server stopped cleanly.
    pub fn stopped(&mut self, work: impl FnOnce(&Self)) {
        self.server.take().unwrap().stop();
        work(self);
        self.restart(&[POOL]);
    }

    /// Starts it after it ended by itself, or was killed.
    pub fn restart(&mut self, settings: &[&str]) {
        self.server = None;
        let (data, socket) = (self.places.database(), self.places.database_socket());
        self.server = Some(Server::start(&data, &socket, settings));
    }

    pub fn take(
        &self,
        still: &impl Standstill,
        say: &mut dyn FnMut(Progress),
    ) -> Result<Manifest, TakeError> {
        block_on(take(&self.places, &request(), still, say))
    }

    /// Starts a server on a clone of the snapshot, as a proof or a restore does.
    pub fn recovered<T>(&self, manifest: &Manifest, look: impl FnOnce(&Server) -> T) -> T {
        let name = manifest.id.directory();
        let snapshot = self.places.snapshots().join(&name);
        let to = self.xfs.path().join(&name);
        clone_tree(&snapshot.join("database"), &to, &|_| false).unwrap();
        let server = Server::start(&to, &self.xfs.path().join("recovered/sock"), &[POOL]);
        let found = look(&server);
        drop(server);
        std::fs::remove_dir_all(&to).unwrap();
        found
    }
}

pub fn request() -> Request {
    Request {
        reason: Reason::Scheduled,
        facility: "test".to_string(),
        release: "test".to_string(),
        release_built: 0,
        unix_s: 1_795_369_791,
        since_boot: Duration::from_secs(100),
        answer_limit: Duration::from_secs(5),
    }
}

/// No snapshot of a server that answers may need it.
pub struct Never;

impl Standstill for Never {
    async fn arm(&self, _: Duration) -> Result<(), String> {
        panic!("the server answered")
    }
    async fn freeze(&self) -> Result<bool, String> {
        panic!("the server answered")
    }
    async fn thaw(&self) -> Result<(), String> {
        panic!("the server answered")
    }
    async fn disarm(&self) -> Result<(), String> {
        panic!("the server answered")
    }
}
