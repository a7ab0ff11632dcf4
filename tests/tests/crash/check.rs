//! One cut: the disk as it could have been left is mounted, started as the box starts, and questioned.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use posto::database::private_server::PrivateServer;
use posto::database::refusal;
use posto::guard::{self, Outcome};
use posto::places::Places;
use posto::snapshot::id::Id;
use posto::snapshot::prove;
use posto::snapshot::shelf::{self, Snapshot};
use posto_tests::powercut::Loss;
use rusqlite::Connection;

use super::clinic::{self, OBSERVATIONS, block_on};
use super::counters;
use super::cuts::Cut;
use super::ground::Mounted;
use super::live;
use super::story::{Part, Story};
use super::tree::Tree;
use super::work::{BESIDES, proof_of};

/// A cut and the disk that it left.
pub(crate) struct Case {
    pub(crate) cut: Cut,
    pub(crate) loss: Loss,
    pub(crate) disk: PathBuf,
    pub(crate) root: PathBuf,
}

#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) complaints: Vec<String>,
    /// Snapshots that were compared with what the live box saw.
    pub(crate) snapshots: u64,
    pub(crate) database: bool,
    pub(crate) proofs: u64,
    /// Acknowledged commits.
    pub(crate) looked_for: usize,
    pub(crate) lost: usize,
    /// Starts that were refused and mended.
    pub(crate) mended: u64,
}

/// Checks one, and removes its disk.
pub(crate) fn check(case: &Case, story: &Story) -> Report {
    let mut check = Check {
        places: Places::under(&case.root),
        cut: case.cut,
        story,
        report: Report::default(),
    };
    match Mounted::data(&case.disk, &check.places.data()) {
        Ok(_mounted) => {
            if let Err(error) = check.all(&case.root) {
                check.say(error);
            }
        }
        Err(error) => check.say(format!("no mount: {error}")),
    }
    // The mount is gone: only then may the folder go.
    let _ = std::fs::remove_file(&case.disk);
    if std::fs::remove_dir(check.places.data()).is_ok() {
        let _ = std::fs::remove_dir_all(&case.root);
    }
    check.report
}

struct Check<'a> {
    places: Places,
    cut: Cut,
    story: &'a Story,
    report: Report,
}

impl Check<'_> {
    fn say(&mut self, complaint: String) {
        self.report.complaints.push(complaint);
    }

    fn all(&mut self, root: &Path) -> Result<(), String> {
        let at = self.cut.position;
        let changes = counters::complaints(&self.places, &self.story.counted, at);
        self.report.complaints.extend(changes);
        self.catalogue_before(&root.join("catalogue"))?;
        match guard::run(&self.places) {
            Outcome::Pass => {}
            other => return Err(format!("the guard says {other:?}")),
        }
        let found = shelf::look(&self.places).map_err(|error| error.to_string())?;
        for one in &found.undescribed {
            self.say(format!(
                "snapshot {} is listed and not whole: {}",
                one.id, one.reason
            ));
        }
        let listed: Vec<Id> = found.snapshots.iter().map(Snapshot::id).collect();
        self.listed(&listed);
        self.nothing_half_made();
        self.catalogue_after(&listed)?;
        for snapshot in &found.snapshots {
            self.whole(snapshot)?;
        }
        if self.cut.database {
            self.report.database = true;
            let holds = self.story.live(&listed);
            let (data, directory) = (self.places.database(), root.join("server"));
            self.database(&data, &directory, &holds)?;
        }
        if self.cut.proof {
            self.prove(&found.snapshots)?;
        }
        Ok(())
    }

    /// The catalogue as the cut left it has what was acknowledged, before anybody puts it in order.
    fn catalogue_before(&mut self, copy: &Path) -> Result<(), String> {
        let failed =
            |error: &dyn std::fmt::Display| format!("the catalogue after the cut: {error}");
        std::fs::create_dir(copy).map_err(|error| failed(&error))?;
        for ending in ["", "-wal"] {
            let name = format!("snapshots.sqlite{ending}");
            let from = self.places.posto().join(&name);
            if from.exists() {
                std::fs::copy(from, copy.join(name)).map_err(|error| failed(&error))?;
            }
        }
        let path = copy.join("snapshots.sqlite");
        let at = self.cut.position;
        let promised = self.story.taken.iter().any(|taken| taken.span.is_done(at));
        let rows = match rows(&path) {
            Ok(rows) => rows,
            // Nothing was ever entered: it may be there without its tables.
            Err(_) if !promised => Vec::new(),
            Err(error) => return Err(failed(&error)),
        };
        let verdict = |id: Id| {
            let row = rows.iter().find(|(number, _)| *number == id.number());
            row.map(|(_, verdict)| verdict.clone())
        };
        let thrown = |id: Id| self.story.thrown.iter().find(|(thrown, _)| *thrown == id);
        let mut complaints = Vec::new();
        for taken in self
            .story
            .taken
            .iter()
            .filter(|taken| taken.span.is_done(at))
        {
            let id = taken.id;
            match thrown(id) {
                Some((_, span)) if span.is_done(at) => {
                    if verdict(id).is_some() {
                        complaints.push(format!("snapshot {id} was thrown away and is catalogued"));
                    }
                    continue;
                }
                Some((_, span)) if span.is_begun(at) => continue,
                _ => {}
            }
            let proven = self
                .story
                .proved
                .iter()
                .any(|(one, span)| *one == id && span.is_done(at));
            match verdict(id) {
                None => complaints.push(format!(
                    "snapshot {id} was acknowledged and is not catalogued"
                )),
                Some(verdict) if proven && verdict.as_deref() != Some("good") => complaints.push(
                    format!("snapshot {id}: a good proof was acknowledged and is not catalogued"),
                ),
                Some(_) => {}
            }
        }
        self.report.complaints.extend(complaints);
        Ok(())
    }

    /// What was acknowledged is listed, what was not even begun is not.
    fn listed(&mut self, listed: &[Id]) {
        let at = self.cut.position;
        let mut complaints = Vec::new();
        for taken in &self.story.taken {
            let (id, there) = (taken.id, listed.contains(&taken.id));
            let thrown = self.story.thrown.iter().find(|(thrown, _)| *thrown == id);
            let (begun, done) = thrown.map_or((false, false), |(_, span)| {
                (span.is_begun(at), span.is_done(at))
            });
            if taken.span.is_done(at) && !there && !begun {
                complaints.push(format!("snapshot {id} was acknowledged and is lost"));
            }
            if there && (done || !taken.span.is_begun(at)) {
                complaints.push(format!("snapshot {id} is listed and should not be"));
            }
        }
        let known = |id: &Id| self.story.taken.iter().any(|taken| taken.id == *id);
        for id in listed.iter().filter(|id| !known(id)) {
            complaints.push(format!("snapshot {id} was never taken"));
        }
        self.report.complaints.extend(complaints);
    }

    /// Only whole snapshots and an empty staging.
    fn nothing_half_made(&mut self) {
        let names = |path: PathBuf| -> Vec<String> {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            entries
                .map(|entry| entry.file_name().to_string_lossy().into_owned())
                .collect()
        };
        for name in names(self.places.snapshots()) {
            if !name.bytes().all(|byte| byte.is_ascii_digit()) {
                self.say(format!("{name} was left among the snapshots"));
            }
        }
        for name in names(self.places.staging()) {
            self.say(format!("{name} was left in staging"));
        }
        let mut live = names(self.places.live());
        live.retain(|name| !name.starts_with(".posto-mends"));
        live.sort();
        if live != ["database", "openmrs"] {
            self.say(format!("the live directory holds {live:?}"));
        }
    }

    /// After reconciliation it says what the directories say.
    fn catalogue_after(&mut self, listed: &[Id]) -> Result<(), String> {
        let rows = rows(&self.places.snapshot_catalogue()).map_err(|error| error.to_string())?;
        let catalogued: BTreeSet<u64> = rows.into_iter().map(|(number, _)| number).collect();
        let there: BTreeSet<u64> = listed.iter().map(|id| id.number()).collect();
        if catalogued != there {
            self.say(format!("catalogued: {catalogued:?}, there: {there:?}"));
        }
        Ok(())
    }

    /// Byte by byte what the live box saw.
    fn whole(&mut self, snapshot: &Snapshot) -> Result<(), String> {
        let (id, at) = (snapshot.id(), self.cut.position);
        self.report.snapshots += 1;
        let taken = self.story.taken.iter().find(|taken| taken.id == id);
        let found = Tree::of(&snapshot.directory, &BESIDES)?;
        let differences = taken.map_or_else(Vec::new, |taken| found.differences(&taken.tree));
        if !differences.is_empty() {
            self.say(format!(
                "snapshot {id} is listed and not as it was taken: {differences:?}"
            ));
        }
        let proof = self.story.proved.iter().find(|(proved, _)| *proved == id);
        let (begun, done) = proof.map_or((false, false), |(_, span)| {
            (span.is_begun(at), span.is_done(at))
        });
        match snapshot.is_proven() {
            true if !begun => self.say(format!("snapshot {id} is called proven; nobody proved it")),
            false if done => self.say(format!("snapshot {id} was proven and is not called so")),
            _ => {}
        }
        Ok(())
    }

    /// A server comes up on `data`, has every acknowledged commit and none of another life.
    fn database(&mut self, data: &Path, directory: &Path, holds: &[Part]) -> Result<(), String> {
        block_on(async {
            let server = self.start(data, directory).await?;
            let words = |error: &dyn std::fmt::Display| error.to_string();
            let mut client = clinic::connect(server.socket()).await;
            let there: Vec<(u32, u32, u32)> = client
                .rows("SELECT world, writer, number FROM openmrs.encounter")
                .await
                .map_err(|error| words(&error))?;
            let there: BTreeSet<_> = there.into_iter().collect();
            let torn: Vec<u64> = client
                .rows(&format!("SELECT COUNT(*) FROM (SELECT e.encounter_id, COUNT(o.obs_id) AS n FROM openmrs.encounter e LEFT JOIN openmrs.obs o USING (encounter_id) GROUP BY e.encounter_id HAVING n <> {OBSERVATIONS}) t"))
                .await
                .map_err(|error| words(&error))?;
            if torn != [0] {
                self.say(format!("{torn:?} transactions are there in part"));
            }
            let checked: Vec<(String, String, String, String)> = client
                .rows("CHECK TABLE openmrs.obs, openmrs.encounter, openmrs.liquibasechangelog")
                .await
                .map_err(|error| words(&error))?;
            for (table, _, kind, text) in checked {
                if kind != "status" || text != "OK" {
                    self.say(format!("{table}: {kind}: {text}"));
                }
            }
            self.commits(&there, holds);
            Ok(())
        })
    }

    /// As mariadb.service: a refusal is mended, and the next start is a good one. With settled stops there is none.
    async fn start(&mut self, data: &Path, directory: &Path) -> Result<PrivateServer, String> {
        let refused = match clinic::start(data, directory).await {
            Ok(server) => return Ok(server),
            Err(refused) => refused,
        };
        match refusal::mend(data, &refused) {
            Ok(Some(transactions)) => {
                self.report.mended += 1;
                if !live::unsettled() {
                    self.say(format!("{transactions} prepared transactions were refused"));
                }
                clinic::start(data, directory).await
            }
            Ok(None) => Err(refused),
            Err(error) => Err(format!("{error}; {refused}")),
        }
    }

    fn commits(&mut self, there: &BTreeSet<(u32, u32, u32)>, holds: &[Part]) {
        let at = self.cut.position;
        let mut lost = Vec::new();
        for ack in &self.story.acks {
            let of = holds.iter().find(|part| part.world == ack.world);
            let sure = of.is_some_and(|part| ack.position <= part.sure.min(at));
            let possible = of.is_some_and(|part| ack.begun <= part.until.min(at));
            if sure {
                self.report.looked_for += 1;
                if !there.contains(&ack.key()) {
                    lost.push(ack.key());
                }
            }
            if !possible && there.contains(&ack.key()) {
                self.report
                    .complaints
                    .push(format!("commit {ack:?} is of another life"));
            }
        }
        if !lost.is_empty() {
            self.report.lost += lost.len();
            self.say(format!(
                "{} acknowledged commits are lost: {lost:?}",
                lost.len()
            ));
        }
    }

    /// One of those that are called proven: proven again, and its commits looked for.
    fn prove(&mut self, snapshots: &[Snapshot]) -> Result<(), String> {
        let proven: Vec<&Snapshot> = snapshots.iter().filter(|one| one.is_proven()).collect();
        let chosen = usize::try_from(self.cut.seed % 1000).unwrap_or(0);
        let Some(snapshot) = proven.get(chosen % proven.len().max(1)) else {
            return Ok(());
        };
        self.report.proofs += 1;
        match proof_of(&self.places, snapshot, snapshots, clinic::program())? {
            prove::Outcome::Proved(proof) if proof.is_good() => Ok(()),
            other => Err(format!(
                "a snapshot that is called proven fails its proof: {other:?}"
            )),
        }
    }
}

fn rows(catalogue: &Path) -> rusqlite::Result<Vec<(u64, Option<String>)>> {
    let connection = Connection::open(catalogue)?;
    let mut statement = connection.prepare("SELECT id, verdict FROM snapshot")?;
    let rows = statement.query_map([], |row| {
        let number: i64 = row.get(0)?;
        Ok((number.unsigned_abs(), row.get(1)?))
    })?;
    rows.collect()
}
