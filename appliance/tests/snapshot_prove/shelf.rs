//! A box's shelf with snapshots of a small clinic, and proofs of them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use posto::maintenance::Stop;
use posto::places::Places;
use posto::snapshot::manifest::{FORMAT, Manifest, Method, Moment, Reason};
use posto::snapshot::proof::{Depth, Proof, Verdict};
use posto::snapshot::prove::{self, Outcome, ProveError, Setting, Watch};
use posto::snapshot::shelf::{self, Shelf, Snapshot};
use posto::system::reflink::clone_tree;
use rustix::process::{Signal, kill_process};
use sha2::{Digest, Sha256};

use crate::ground::clinic;
use crate::ground::mariadb::{self, MYSQL, Server, block_on};
use crate::ground::xfs::Xfs;

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// Rows of `obs` at first.
pub(crate) const OBSERVATIONS: u64 = 20_000;
/// A long text of `attachment` is this letter.
pub(crate) const LETTER: u8 = b'\x02';

pub(crate) struct Box {
    pub(crate) places: Places,
    socket: PathBuf,
    _xfs: Xfs,
}

impl Box {
    /// `None`, with the reason on standard error, where none can be made.
    pub(crate) fn new() -> Option<Self> {
        if !mariadb::is_here() {
            return None;
        }
        let xfs = Xfs::new(6 << 30)?;
        let places = Places::under(&xfs.path());
        for path in [
            places.database(),
            places.posto(),
            places.run(),
            places.staging(),
            places.snapshots(),
        ] {
            std::fs::create_dir_all(path).unwrap();
        }
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = xfs.beside().join(format!("live-{number}/socket"));
        Server::install(&places.database(), &xfs.beside().join("scratch"));
        Some(Self {
            places,
            socket,
            _xfs: xfs,
        })
    }

    /// A box with a small clinic's database, and its running server.
    pub(crate) fn with_clinic() -> Option<(Self, Server)> {
        let made = Self::new()?;
        let server = made.server();
        clinic::found(&server, OBSERVATIONS);
        server.run(&[
            "USE openmrs",
            "CREATE TABLE openmrs.users (user_id INT AUTO_INCREMENT PRIMARY KEY, username VARCHAR(50)) ENGINE=InnoDB",
            "INSERT INTO openmrs.users (username) SELECT CONCAT('user', seq) FROM seq_1_to_300",
            "CREATE TABLE openmrs.attachment (attachment_id INT AUTO_INCREMENT PRIMARY KEY, content LONGBLOB) ENGINE=InnoDB",
            "INSERT INTO openmrs.attachment (content) SELECT REPEAT(CHAR(2), 200000) FROM seq_1_to_5",
            "INSERT INTO openmrs.encounter (writer, number, uuid) SELECT 1, seq, UUID() FROM seq_1_to_500",
        ]);
        // A checkpoint: from the redo log alone the server would make lost files again.
        server.stop();
        let server = made.server();
        Some((made, server))
    }

    /// The box's own server.
    pub(crate) fn server(&self) -> Server {
        Server::start(&self.places.database(), &self.socket, &[])
    }

    /// What a power cut would leave of the running server's data, as a snapshot.
    pub(crate) fn crash_image(&self, server: &Server) -> Snapshot {
        // Something to recover; the clone must have the first of them as it was acknowledged.
        for _ in 0..2 {
            server.run(&["UPDATE openmrs.users SET username = CONCAT(username, 'x')"]);
        }
        kill_process(server.process(), Signal::STOP).unwrap();
        let highest = BTreeMap::from([
            ("obs".to_string(), OBSERVATIONS),
            ("users".to_string(), 300),
        ]);
        let taken = self.of(&self.places.database(), Method::HotClone, highest);
        kill_process(server.process(), Signal::CONT).unwrap();
        taken
    }

    /// The data after a clean stop, as a snapshot.
    pub(crate) fn stopped_image(&self, server: Server) -> Snapshot {
        server.stop();
        self.of(&self.places.database(), Method::Stopped, BTreeMap::new())
    }

    /// Another snapshot like `sound`, with its database changed.
    pub(crate) fn changed(&self, sound: &Snapshot, change: impl FnOnce(&Path)) -> Snapshot {
        let made = self.of(
            &sound.directory.join("database"),
            sound.manifest.method,
            sound.manifest.highest.clone(),
        );
        change(&made.directory.join("database"));
        made
    }

    /// A snapshot of the data directory `from`.
    pub(crate) fn of(
        &self,
        from: &Path,
        method: Method,
        highest: BTreeMap<String, u64>,
    ) -> Snapshot {
        let mut shelf = Shelf::open(&self.places).unwrap();
        let unfinished = shelf.begin().unwrap();
        let id = unfinished.id;
        clone_tree(from, &unfinished.directory.join("database"), &|_| false).unwrap();
        let manifest = Manifest {
            format: FORMAT,
            id,
            moment: moment(),
            reason: Reason::Scheduled,
            method,
            facility: "test".to_string(),
            release: "1".to_string(),
            release_built: 1,
            mariadb: String::new(),
            schema: None,
            cut: None,
            highest,
            held_us: 0,
            apparent_bytes: 0,
            left_out: posto::snapshot::left_out::LeftOut::default(),
        };
        shelf.finish(unfinished, &manifest).unwrap();
        let all = shelf.snapshots().unwrap();
        all.into_iter()
            .find(|found| found.manifest.id == id)
            .unwrap()
    }

    pub(crate) fn setting(&self) -> Setting {
        Setting {
            places: self.places.clone(),
            program: mariadb::program().into(),
            user: Some(MYSQL),
            available_memory_bytes: 1 << 30,
            moment: moment(),
            until: None,
        }
    }

    pub(crate) fn prove_with(
        &self,
        snapshot: &Snapshot,
        depth: Depth,
        setting: &Setting,
        stop: &Stop,
        show: &mut dyn FnMut(&Watch),
    ) -> Result<Outcome, ProveError> {
        let all = shelf::list(&self.places).unwrap();
        let outcome = block_on(prove::prove(snapshot, depth, &all, setting, stop, show));
        self.nothing_is_left();
        outcome
    }

    /// Proves, and puts the verdict on the shelf.
    pub(crate) fn proof(&self, snapshot: &Snapshot, depth: Depth) -> Proof {
        let proof = self.prove(snapshot, depth);
        Shelf::open(&self.places).unwrap().proved(&proof).unwrap();
        proof
    }

    fn prove(&self, snapshot: &Snapshot, depth: Depth) -> Proof {
        let outcome = self
            .prove_with(
                snapshot,
                depth,
                &self.setting(),
                &Stop::default(),
                &mut |_| {},
            )
            .unwrap();
        match outcome {
            Outcome::Proved(proof) => proof,
            Outcome::Continues { .. } => panic!("{outcome:?}"),
        }
    }

    /// Why the snapshot is bad; panics when it is not.
    pub(crate) fn bad(&self, snapshot: &Snapshot, depth: Depth) -> String {
        match self.prove(snapshot, depth).verdict {
            Verdict::Bad { reason } => reason,
            Verdict::Good => panic!("snapshot {} passes for good", snapshot.manifest.id),
        }
    }

    /// Neither a clone nor a server.
    pub(crate) fn nothing_is_left(&self) {
        let staging: Vec<_> = std::fs::read_dir(self.places.staging()).unwrap().collect();
        assert!(staging.is_empty(), "{staging:?}");
        let mark = self.places.staging().into_os_string().into_encoded_bytes();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let ours = line.windows(mark.len()).any(|part| part == mark);
            assert!(!ours, "{} still runs", entry.path().display());
        }
    }
}

pub(crate) fn moment() -> Moment {
    Moment {
        unix_s: 1_795_369_791,
        clock_plausible: true,
        effective_s: 1_795_369_791,
        uptime_s: 5,
        boot: "boot".to_string(),
    }
}

/// The hash of every file below `directory` except the proofs.
pub(crate) fn hashes(directory: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().unwrap() != "proofs.json" {
                let hash = hex::encode(Sha256::digest(std::fs::read(&path).unwrap()));
                found.insert(path, hash);
            }
        }
    }
    found
}
