//! A box whose services are one real server and no OpenMRS.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use posto::database::client::Client;
use posto::database::private_server::{PrivateServer, Site};
use posto::maintenance::Stop;
use posto::places::Places;
use posto::services::{DatabaseEnd, Services, ServicesError};
use posto::snapshot::id::Id;
use posto::snapshot::manifest::{Manifest, Reason};
use posto::snapshot::proof::{Depth, Proof, Verdict};
use posto::snapshot::restore::error::RestoreError;
use posto::snapshot::restore::mends;
use posto::snapshot::restore::plan::{Observation, Wanted};
use posto::snapshot::restore::run::{self, Choice, Phase, Restored, Setting};
use posto::snapshot::shelf::{Shelf, Snapshot, list};
use posto::snapshot::take::{Progress, Request, Standstill, TakeError, take};

use crate::ground::clinic;
use crate::ground::mariadb::{self, MYSQL, Server, block_on};
use crate::ground::site::Never;
use crate::ground::xfs::Xfs;

/// Of OpenMRS's account on this box.
pub(crate) const PASSWORD: &str = "aB3aB3aB3aB3aB3a";
const RELEASE_BUILT_S: u64 = 1_790_000_000;
const UNIX_S: u64 = 1_795_369_791;
const LIMIT: Duration = Duration::from_secs(60);

/// How large it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// Of the disk (sparse), bytes.
    pub(crate) disk_bytes: u64,
    /// Observations of earlier years.
    pub(crate) rows: u64,
    /// The server's buffer pool, MiB.
    pub(crate) pool_mib: u64,
    /// Its redo log, MiB.
    pub(crate) log_mib: u64,
}

const SMALL: Size = Size {
    disk_bytes: 4 << 30,
    rows: 20_000,
    pool_mib: 64,
    log_mib: 96,
};

pub(crate) struct Box {
    pub(crate) places: Places,
    pub(crate) calls: RefCell<Vec<&'static str>>,
    pub(crate) size: Size,
    server: RefCell<Option<PrivateServer>>,
    // Last: the server's files are on it.
    pub(crate) xfs: Xfs,
}

impl Box {
    /// With a working database. `None` where it cannot be made here.
    pub(crate) fn new() -> Option<Self> {
        Self::sized(SMALL)
    }

    /// As [`Box::new`], of this size.
    pub(crate) fn sized(size: Size) -> Option<Self> {
        if !mariadb::is_here() {
            return None;
        }
        let xfs = Xfs::new(size.disk_bytes)?;
        let places = Places::under(&xfs.path());
        for path in [
            places.live(),
            places.snapshots(),
            places.posto(),
            places.secrets(),
            places.run(),
            places.openmrs().join("complex_obs"),
            places.openmrs().join("configuration_checksums"),
            places.openmrs().join("lucene"),
            places.release().parent().unwrap().to_path_buf(),
        ] {
            std::fs::create_dir_all(path).unwrap();
        }
        let release = format!(
            r#"{{"release":"test","built":{RELEASE_BUILT_S},"distro":{{"name":"d","version":"1","stand_in":true}}}}"#
        );
        std::fs::write(places.release(), release).unwrap();
        std::fs::write(places.database_password(), PASSWORD).unwrap();
        let made = Self {
            places,
            calls: RefCell::default(),
            size,
            server: RefCell::default(),
            xfs,
        };
        made.put("complex_obs/scan", "at the snapshot");
        made.put("configuration_checksums/x", "at the snapshot");
        made.put(
            "openmrs-runtime.properties",
            "encryption.key=OLD\nconnection.password=theirs\n",
        );
        let scratch = made.places.data().join("scratch");
        Server::install(&made.places.database(), &scratch);
        // Years go in at once, with memory enough for them.
        let pool = format!("--innodb-buffer-pool-size={}M", size.pool_mib * 12);
        let found = [
            &pool,
            "--innodb-log-file-size=1G",
            "--innodb-flush-log-at-trx-commit=0",
            "--skip-log-bin",
        ];
        let server = Server::start(&made.places.database(), &scratch.join("sock"), &found);
        clinic::found(&server, size.rows);
        server.run(&[
            "ALTER TABLE openmrs.obs ADD date_voided DATETIME",
            "CREATE TABLE openmrs.global_property (property VARCHAR(255) PRIMARY KEY, property_value TEXT) ENGINE=InnoDB",
            "INSERT INTO openmrs.global_property VALUES ('search.indexVersion', '7')",
            "CREATE USER openmrs@localhost IDENTIFIED BY 'theirs'",
        ]);
        server.stop();
        made.start();
        Some(made)
    }

    /// The server's process.
    pub(crate) fn server_id(&self) -> u32 {
        self.server.borrow().as_ref().unwrap().id()
    }

    /// Stops the server cleanly.
    pub(crate) fn stop(&self) {
        self.server.borrow_mut().take().unwrap().stop().unwrap();
    }

    /// Starts the server on the live data.
    pub(crate) fn start(&self) {
        block_on(self.start_database()).unwrap();
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::write(self.places.openmrs().join(name), text).unwrap();
    }

    pub(crate) fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.places.openmrs().join(name)).unwrap()
    }

    /// What OpenMRS's unit does before Java starts.
    pub(crate) fn prepare_openmrs(&self) {
        block_on(async {
            let mut client = Client::connect(&self.places.database_socket(), LIMIT)
                .await
                .unwrap();
            mends::apply(&self.places, &mut client).await.unwrap();
        });
    }

    pub(crate) fn number(&self, query: &str) -> u64 {
        block_on(async {
            let mut client = Client::connect(&self.places.database_socket(), LIMIT)
                .await
                .unwrap();
            client.rows::<u64>(query).await.unwrap()[0]
        })
    }

    /// Runs statements one after the other.
    pub(crate) fn run(&self, statements: &[&str]) {
        block_on(async {
            let mut client = Client::connect(&self.places.database_socket(), LIMIT * 60)
                .await
                .unwrap();
            for statement in statements {
                client.run(statement).await.unwrap();
            }
        });
    }

    /// The one text of a query.
    pub(crate) fn text(&self, query: &str) -> String {
        block_on(async {
            let mut client = Client::connect(&self.places.database_socket(), LIMIT)
                .await
                .unwrap();
            client.rows::<String>(query).await.unwrap().remove(0)
        })
    }

    pub(crate) fn search_index(&self) -> String {
        self.text("SELECT property_value FROM openmrs.global_property")
    }

    /// Whether OpenMRS's account comes in with this password.
    pub(crate) fn account_opens(&self, password: &str) -> bool {
        let options = mysql_async::OptsBuilder::default()
            .socket(Some(self.places.database_socket().to_string_lossy()))
            .user(Some("openmrs"))
            .pass(Some(password))
            .db_name(Some("openmrs"))
            .prefer_socket(Some(false));
        block_on(async {
            let mut connection = mysql_async::Conn::new(options).await.ok()?;
            connection
                .query_drop("SELECT 1 FROM obs LIMIT 1")
                .await
                .ok()
        })
        .is_some()
    }

    /// What the clinic does after the snapshot.
    pub(crate) fn work_on(&mut self) {
        block_on(async {
            let mut client = Client::connect(&self.places.database_socket(), LIMIT)
                .await
                .unwrap();
            for statement in [
                "USE openmrs",
                "INSERT INTO openmrs.obs (encounter_id, person_id, uuid) SELECT 0, 1, UUID() FROM seq_1_to_5",
                "UPDATE openmrs.obs SET date_voided = '2099-01-01' WHERE obs_id IN (3, 4)",
            ] {
                client.run(statement).await.unwrap();
            }
        });
        self.put("complex_obs/scan", "afterwards");
        self.put("configuration_checksums/x", "afterwards");
        self.put(
            "openmrs-runtime.properties",
            &format!("encryption.key=NEW\nconnection.password={PASSWORD}\n"),
        );
    }

    /// Takes one.
    pub(crate) fn snapshot(&self) -> Id {
        self.take(Duration::from_secs(30), &Never, &mut |_| {})
            .unwrap()
            .id
    }

    /// Takes one of a database that is silent when it does not answer in `answer_limit`.
    pub(crate) fn take(
        &self,
        answer_limit: Duration,
        still: &impl Standstill,
        say: &mut dyn FnMut(Progress),
    ) -> Result<Manifest, TakeError> {
        take_one(&self.places, answer_limit, still, say)
    }

    /// As a proof would find it, changed by `change`.
    pub(crate) fn prove(&self, id: Id, change: impl Fn(&mut Proof)) {
        let manifest = self.listed(id).manifest;
        let mut proof = Proof {
            id,
            depth: Depth::Quick,
            verdict: Verdict::Good,
            moment: manifest.moment,
            took_ms: 1,
            tables: 5,
            rows: [("encounter".to_string(), 0)].into(),
            highest: manifest.highest,
            binlog: None,
            fell: Vec::new(),
        };
        change(&mut proof);
        Shelf::open(&self.places).unwrap().proved(&proof).unwrap();
    }

    /// A file that the server needs is cut off.
    pub(crate) fn damage(&self, id: Id) {
        let file = self.listed(id).directory.join("database/ibdata1");
        std::fs::File::options()
            .write(true)
            .open(file)
            .unwrap()
            .set_len(16 << 10)
            .unwrap();
    }

    pub(crate) fn listed(&self, id: Id) -> Snapshot {
        let all = list(&self.places).unwrap();
        all.into_iter().find(|one| one.id() == id).unwrap()
    }

    fn setting(&self) -> Setting {
        Setting {
            places: self.places.clone(),
            unix_s: UNIX_S + 3600,
            since_boot: Duration::from_secs(3700),
            openmrs_user: None,
        }
    }

    pub(crate) fn look(&self, choice: Choice) -> Result<(Snapshot, Observation), RestoreError> {
        block_on(run::look(choice, &self.setting()))
    }

    pub(crate) fn restore(
        &mut self,
        choice: Choice,
        wanted: Wanted,
    ) -> Result<Restored, RestoreError> {
        self.restore_with(choice, wanted, &Stop::default(), &mut |_| {})
    }

    pub(crate) fn restore_with(
        &mut self,
        choice: Choice,
        wanted: Wanted,
        stop: &Stop,
        show: &mut dyn FnMut(Phase),
    ) -> Result<Restored, RestoreError> {
        self.calls.borrow_mut().clear();
        let (snapshot, seen) = self.look(choice)?;
        let setting = self.setting();
        block_on(run::restore(
            &snapshot, &seen, wanted, &setting, self, stop, show,
        ))
    }

    /// No staging, no marks, whole snapshots only.
    pub(crate) fn assert_nothing_left(&self) {
        let names = |path: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(path).unwrap().flatten();
            entries
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        };
        let staging = self.places.staging();
        assert!(!staging.exists() || names(&staging).is_empty());
        let mut live = names(&self.places.live());
        live.sort();
        assert_eq!(live, ["database", "openmrs"]);
        let whole = |name: &String| name.bytes().all(|byte| byte.is_ascii_digit());
        assert!(names(&self.places.snapshots()).iter().all(whole));
    }
}

/// As [`Box::take`], from any thread.
pub(crate) fn take_one(
    places: &Places,
    answer_limit: Duration,
    still: &impl Standstill,
    say: &mut dyn FnMut(Progress),
) -> Result<Manifest, TakeError> {
    let request = Request {
        reason: Reason::Scheduled,
        facility: "test".to_string(),
        release: "test".to_string(),
        release_built: RELEASE_BUILT_S,
        unix_s: UNIX_S,
        since_boot: Duration::from_secs(100),
        answer_limit,
    };
    block_on(take(places, &request, still, say))
}

impl Services for Box {
    async fn stop(&self) -> Result<DatabaseEnd, ServicesError> {
        self.calls.borrow_mut().push("stop");
        match self.server.borrow_mut().take() {
            Some(server) => server
                .stop()
                .map(|()| DatabaseEnd::Clean)
                .map_err(|error| ServicesError::Server(error.to_string())),
            None => Ok(DatabaseEnd::Unclean),
        }
    }

    async fn start_database(&self) -> Result<(), ServicesError> {
        self.calls.borrow_mut().push("start database");
        let site = Site {
            data: self.places.database(),
            directory: self.places.data().join("server"),
            user: Some(MYSQL),
            settings: [
                "--log-bin=binlog".to_string(),
                "--server-id=1".to_string(),
                "--binlog-format=ROW".to_string(),
                "--binlog-row-image=MINIMAL".to_string(),
                "--sync-binlog=1".to_string(),
                "--innodb-flush-method=O_DIRECT".to_string(),
                format!("--innodb-buffer-pool-size={}M", self.size.pool_mib),
                format!("--innodb-log-file-size={}M", self.size.log_mib),
            ]
            .map(Into::into)
            .into(),
            start_limit: LIMIT * 15,
        };
        std::fs::create_dir_all(&site.directory).unwrap();
        let socket = self.places.database_socket();
        std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&socket);
        std::os::unix::fs::symlink(site.socket(), &socket).unwrap();
        let server = PrivateServer::start_program(Path::new(&mariadb::program()), &site)
            .await
            .map_err(|error| ServicesError::Server(error.to_string()))?;
        *self.server.borrow_mut() = Some(server);
        Ok(())
    }

    async fn start_openmrs(&self) -> Result<(), ServicesError> {
        self.calls.borrow_mut().push("start openmrs");
        Ok(())
    }
}
