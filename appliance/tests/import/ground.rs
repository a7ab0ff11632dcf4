//! A box in a directory: its places, a stand-in for its services, and a real MariaDB where the host has one.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::time::Duration;

use posto::database::client::Client;
use posto::database::import::error::ImportError;
use posto::database::import::reading::Reader;
use posto::database::import::report::Report;
use posto::database::import::run::{Request, Setting, Stop, import};
use posto::places::Places;
use posto::services::{DatabaseEnd, Services, ServicesError};
use posto::system::process::{Invocation, Running};

use crate::dump;

pub(crate) const PASSWORD: &str = "aB3aB3aB3aB3aB3aB3aB3aB3aB3aB3aB";
const MYSQL: u32 = 811;
const POSTO: u32 = 813;

/// Whether the import's servers can be run here; says why not.
pub(crate) fn mariadb_is_here() -> bool {
    let here = Path::new("/usr/sbin/mariadbd").exists() && rustix::process::geteuid().is_root();
    if !here {
        eprintln!("SKIPPED: needs root and /usr/sbin/mariadbd (package mariadb-server)");
    }
    here
}

pub(crate) struct Ground {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) places: Places,
}

impl Ground {
    /// A box that was set up, with an old database of which only one file matters.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        let places = Places::under(dir.path());
        for path in [
            places.database(),
            places.openmrs(),
            places.secrets(),
            places.posto(),
            places.run(),
            places.staging(),
        ] {
            std::fs::create_dir_all(path).unwrap();
        }
        put(&places.database().join("old"), "the old database");
        put(&places.secrets().join("openmrs-db-password"), PASSWORD);
        put(&places.install_pending(), "");
        Self { dir, places }
    }

    pub(crate) fn setting(&self) -> Setting {
        Setting {
            places: self.places.clone(),
            now: 1_795_369_791,
            stamp: "20261122T174951Z".to_string(),
            reader: reader(),
            server_user: Some(MYSQL),
            openmrs_user: None,
            available_memory_bytes: 512 << 20,
            random: [7; 32],
        }
    }

    pub(crate) fn import(
        &self,
        file: &Path,
        services: &FakeServices,
    ) -> Result<Report, ImportError> {
        self.import_with(&request(file), services, &Stop::default())
    }

    pub(crate) fn import_with(
        &self,
        request: &Request,
        services: &FakeServices,
        stop: &Stop,
    ) -> Result<Report, ImportError> {
        block_on(import(
            request,
            &self.setting(),
            services,
            stop,
            &mut |_| {},
        ))
    }

    /// Servers that still run on this ground.
    pub(crate) fn processes_left(&self) -> usize {
        let mark = self.dir.path().as_os_str().as_encoded_bytes().to_vec();
        let of = |entry: std::fs::DirEntry| {
            std::fs::read(entry.path().join("cmdline")).unwrap_or_default()
        };
        let all = std::fs::read_dir("/proc").unwrap().flatten().map(of);
        all.filter(|line| line.windows(mark.len()).any(|w| w == mark))
            .count()
    }

    /// Asserts that nothing of the old state was touched and nothing left lying about.
    pub(crate) fn assert_untouched(&self) {
        assert_eq!(
            std::fs::read(self.places.database().join("old")).unwrap(),
            b"the old database"
        );
        assert!(self.places.install_pending().exists());
        assert!(!self.places.runtime_properties().exists());
        let left: Vec<_> = std::fs::read_dir(self.places.staging()).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!self.places.replaced().exists());
    }
}

pub(crate) fn request(file: &Path) -> Request {
    Request {
        file: file.to_path_buf(),
        database: None,
        need_end_mark: true,
    }
}

pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

#[allow(clippy::disallowed_methods)]
pub(crate) fn put(path: &Path, text: impl AsRef<[u8]>) {
    std::fs::write(path, text).unwrap();
}

/// The program under test as the reader of dumps, as on the box where this is root.
pub(crate) fn reader() -> Reader {
    Reader {
        program: env!("CARGO_BIN_EXE_posto").into(),
        user: rustix::process::geteuid().is_root().then_some(POSTO),
    }
}

/// Notes what is asked of it; can be made to fail.
#[derive(Default)]
pub(crate) struct FakeServices {
    pub(crate) calls: RefCell<Vec<&'static str>>,
    pub(crate) database_does_not_start: bool,
}

impl Services for FakeServices {
    async fn stop(&self) -> Result<DatabaseEnd, ServicesError> {
        self.calls.borrow_mut().push("stop");
        Ok(DatabaseEnd::Clean)
    }

    async fn start_database(&self) -> Result<(), ServicesError> {
        let first = !self.calls.borrow().contains(&"start database");
        self.calls.borrow_mut().push("start database");
        if self.database_does_not_start && first {
            return Err(ServicesError::Server("does not start".to_string()));
        }
        Ok(())
    }

    async fn start_openmrs(&self) -> Result<(), ServicesError> {
        self.calls.borrow_mut().push("start openmrs");
        Ok(())
    }
}

/// A server on a data directory, as the box's own would start on it: durable settings, binlog on.
pub(crate) struct Live {
    _running: Running,
    socket: PathBuf,
}

impl Live {
    pub(crate) fn start(data: &Path, scratch: &Path) -> Self {
        let socket = scratch.join("live.sock");
        let arguments = [
            "--no-defaults".to_string(),
            format!("--datadir={}", data.display()),
            format!("--socket={}", socket.display()),
            format!("--pid-file={}", data.join("pid").display()),
            "--skip-networking".to_string(),
            "--skip-name-resolve".to_string(),
            "--log-bin=binlog".to_string(),
            "--server-id=1".to_string(),
            "--innodb-log-file-size=256M".to_string(),
            "--innodb-buffer-pool-size=64M".to_string(),
            format!("--tmpdir={}", data.display()),
        ];
        std::os::unix::fs::chown(scratch, Some(MYSQL), Some(MYSQL)).unwrap();
        let invocation = Invocation::new("/usr/sbin/mariadbd")
            .args(arguments)
            .as_user(MYSQL)
            .dies_with_us();
        let live = Self {
            _running: invocation.spawn().unwrap(),
            socket,
        };
        for _ in 0..600 {
            if block_on(Client::connect(&live.socket, Duration::from_secs(2))).is_ok() {
                return live;
            }
            posto::system::clock::pause(Duration::from_millis(100));
        }
        panic!("the server does not come up on {}", data.display());
    }

    pub(crate) fn text(&self, query: &str) -> Option<String> {
        block_on(async {
            let mut client = Client::connect(&self.socket, Duration::from_secs(30))
                .await
                .unwrap();
            client
                .rows::<Option<String>>(query)
                .await
                .unwrap()
                .into_iter()
                .next()
                .flatten()
        })
    }

    pub(crate) fn number(&self, query: &str) -> u64 {
        self.text(&format!("SELECT CAST(({query}) AS CHAR)"))
            .unwrap()
            .parse()
            .unwrap()
    }
}

/// A dump of this shape in the ground's directory, changed by `change`.
pub(crate) fn made_dump(
    ground: &Ground,
    observations: u64,
    change: impl Fn(String) -> String,
) -> PathBuf {
    let mut bytes = Vec::new();
    dump::write(
        &mut bytes,
        &dump::Shape {
            observations,
            seed: 1,
        },
    )
    .unwrap();
    let path = ground.dir.path().join("dump.sql");
    put(&path, change(String::from_utf8(bytes).unwrap()));
    path
}

pub(crate) fn compressed(text: &str, program: &str) -> Vec<u8> {
    use posto::system::process::Invocation;
    let invocation = Invocation::new(program)
        .args(["-c", "-1"])
        .input(text.as_bytes());
    invocation.run(std::time::Duration::from_secs(60)).unwrap()
}

pub(crate) fn twice(whole: &str) -> String {
    format!("CREATE DATABASE a;\nUSE a;\n{whole}\nCREATE DATABASE b;\nUSE b;\n{whole}")
}
