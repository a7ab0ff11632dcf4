//! The questions that a proof asks the server on the clone.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::clone::Clone;
use super::compare::{self, Answer, Checked};
use super::judge::{self, Ending};
use super::plan::{self, Table};
use super::progress::Done;
use super::{Phase, ProveError, Seen, Setting, Watch};
use crate::database::client::{Client, SqlError};
use crate::database::counts;
use crate::database::founding::option;
use crate::database::private_server::{PrivateServer, Site};
use crate::database::refusal;
use crate::database::server::DATABASE;
use crate::snapshot::proof::Depth;
use crate::snapshot::shelf::Snapshot;
use crate::system::clock;
use crate::system::log::log;

/// Recovery of a full redo log of 256 MiB on a disk of 120 operations a second.
const START_LIMIT: Duration = Duration::from_secs(3600);
/// Opening a table, looking at its end.
const QUESTION_LIMIT: Duration = Duration::from_secs(900);
/// Checking or counting the largest table.
const CHECK_LIMIT: Duration = Duration::from_secs(24 * 3600);
/// A dying server writes its last words.
const END_LIMIT: Duration = Duration::from_secs(60);

/// For proofs: little memory, nothing that must last; recovery as the live server would do it.
const SETTINGS: &[&str] = &[
    // A server without a journal refuses data whose last transactions were prepared for one.
    "--log-bin=binlog",
    "--server-id=1",
    "--sync-binlog=0",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-flush-method=O_DIRECT",
    "--innodb-buffer-pool-load-at-startup=OFF",
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
    "--innodb-read-io-threads=1",
    "--innodb-write-io-threads=1",
    "--innodb-purge-threads=1",
    "--innodb-stats-auto-recalc=OFF",
    "--innodb-fast-shutdown=1",
    "--aria-pagecache-buffer-size=8M",
    "--key-buffer-size=1M",
    "--query-cache-size=0",
    "--tmp-table-size=4M",
    "--max-heap-table-size=4M",
    "--table-open-cache=64",
    "--table-definition-cache=400",
    "--max-connections=4",
    "--thread-cache-size=0",
    "--max-allowed-packet=256M",
    "--log-warnings=2",
];

/// A server on a clone, and what is asked of it.
pub(super) struct Look {
    site: Site,
    program: PathBuf,
    pool_bytes: u64,
    server: Option<PrivateServer>,
    tables: Vec<Table>,
}

impl Look {
    pub(super) fn new(clone: &Clone, setting: &Setting) -> Self {
        let pool_bytes = plan::pool_bytes(setting.available_memory_bytes);
        let mut site = Site {
            data: clone.data(),
            directory: clone.directory().to_path_buf(),
            user: setting.user,
            settings: SETTINGS.iter().map(OsString::from).collect(),
            start_limit: START_LIMIT,
        };
        let log = site.run().join("error.log");
        site.settings.push(option("log-error", &log));
        site.settings
            .push(format!("--innodb-buffer-pool-size={pool_bytes}").into());
        // Its own size: another one would make the server write a new log.
        let redo_bytes = super::length(&site.data.join("ib_logfile0"));
        site.settings
            .push(format!("--innodb-log-file-size={redo_bytes}").into());
        Self {
            site,
            program: setting.program.clone(),
            pool_bytes,
            server: None,
            tables: Vec::new(),
        }
    }

    /// The server's log.
    pub(super) fn log_path(&self) -> PathBuf {
        self.site.run().join("error.log")
    }

    /// Starts the server: InnoDB recovers.
    pub(super) async fn start(&mut self, show: &mut dyn FnMut(&Watch)) -> Result<(), Ending> {
        show(&Watch {
            phase: Phase::Recovering,
            ..Watch::default()
        });
        let mut started = PrivateServer::start_program(&self.program, &self.site).await;
        if started.is_err() && self.mended() {
            started = PrivateServer::start_program(&self.program, &self.site).await;
        }
        match started {
            Ok(server) => self.server = Some(server),
            Err(error) => return Err(judge::not_up(error, &self.log_path())),
        }
        self.log_is_clean()
    }

    /// Whether the server refused what a stop that was cut left half-way, and the clone is ready for another start: as the
    /// live server's unit would do after a restore.
    fn mended(&self) -> bool {
        let said = judge::both_ends(&self.log_path(), super::LOG_BYTES).unwrap_or_default();
        match refusal::mend(&self.site.data, &String::from_utf8_lossy(&said)) {
            Ok(mended) => mended.is_some(),
            Err(error) => {
                log(&format!("a proof's clone: {error}"));
                false
            }
        }
    }

    /// Stops it cleanly: all pages are on the disk.
    pub(super) fn stop(&mut self) -> Result<(), Ending> {
        match self.server.take().map(PrivateServer::stop) {
            Some(Err(error)) => Err(judge::ended(error, &self.log_path())),
            _ => self.log_is_clean(),
        }
    }

    /// The server says nothing of damage.
    pub(super) fn log_is_clean(&self) -> Result<(), Ending> {
        let said = judge::said(&self.log_path())?;
        if said.damage.is_empty() {
            return Ok(());
        }
        Err(Ending::Bad {
            reasons: said.damage,
        })
    }

    /// Every table opens, nothing that was acknowledged before the cut is missing, small tables are counted.
    pub(super) async fn open_all(
        &mut self,
        snapshot: &Snapshot,
        depth: Depth,
        seen: &mut Seen,
        show: &mut dyn FnMut(&Watch),
    ) -> Result<(), Ending> {
        let mut client = self.client(QUESTION_LIMIT).await?;
        self.tables = self.list(&mut client).await?;
        let mut watch = Watch {
            phase: Phase::Opening,
            whole: self.tables.len() as u64,
            ..Watch::default()
        };
        let mut reasons = Vec::new();
        for table in self.tables.clone() {
            watch.what = table.full_name();
            show(&watch);
            let opened = client.rows::<u64>(&table.opening()).await;
            match self.heard(&watch.what, opened) {
                Ok(_) if table.schema == DATABASE => seen.tables += 1,
                Ok(_) => {}
                // The others are opened all the same: the verdict should name what is lost.
                Err(Ending::Bad { reasons: more }) if self.runs() => reasons.extend(more),
                Err(ending) => return Err(ending),
            }
            watch.done += 1;
        }
        if !reasons.is_empty() {
            return Err(Ending::Bad { reasons });
        }
        let highest = counts::highest(&mut client, DATABASE).await;
        seen.highest = self.heard("the newest rows", highest)?;
        let missing = compare::missing(&snapshot.manifest.promised(), &seen.highest);
        if !missing.is_empty() {
            return Err(Ending::Bad { reasons: missing });
        }
        if depth == Depth::Quick {
            self.count(&mut client, Table::is_small, &mut seen.rows)
                .await?;
        }
        Ok(())
    }

    /// Checks every table and counts the clinical ones, except what earlier nights did.
    pub(super) async fn check_all(
        &mut self,
        setting: &Setting,
        done: &mut Done,
        seen: &mut Seen,
        show: &mut dyn FnMut(&Watch),
    ) -> Result<(), Ending> {
        let mut client = self.client(CHECK_LIMIT).await?;
        let mut tables = self.tables.clone();
        plan::order(&mut tables);
        let whole = tables.len() as u64;
        let mut watch = Watch {
            phase: Phase::Checking,
            whole,
            ..Watch::default()
        };
        for table in &tables {
            watch.what = table.full_name();
            if !done.tables.contains_key(&watch.what) {
                if setting
                    .until
                    .is_some_and(|until| clock::since_boot() >= until)
                {
                    return Err(Ending::Later {
                        done: watch.done,
                        tables: whole,
                    });
                }
                show(&watch);
                let rows = self.check(&mut client, table).await?;
                done.tables.insert(watch.what.clone(), rows);
            }
            watch.done += 1;
        }
        for table in tables.iter().filter(|table| table.schema == DATABASE) {
            if let Some(Some(rows)) = done.tables.get(&table.full_name()) {
                seen.rows.insert(table.name.clone(), *rows);
            }
        }
        Ok(())
    }

    async fn check(&mut self, client: &mut Client, table: &Table) -> Result<Option<u64>, Ending> {
        let what = table.full_name();
        let answers: Result<Vec<Answer>, _> = client.rows(&table.checking(self.pool_bytes)).await;
        let checked = compare::checked(&self.heard(&what, answers)?);
        if let Checked::Damaged(words) = &checked {
            return Err(Ending::bad(format!("{what}: {words}")));
        }
        let clinical = table.schema == DATABASE && counts::clinical(&table.name).is_some();
        // What cannot be checked is at least read from end to end.
        if clinical || checked == Checked::NotLookedAt {
            let rows = counts::rows_of(client, &table.schema, &table.name).await;
            return self.heard(&what, rows).map(|rows| clinical.then_some(rows));
        }
        Ok(None)
    }

    async fn count(
        &mut self,
        client: &mut Client,
        which: impl Fn(&Table) -> bool,
        rows: &mut BTreeMap<String, u64>,
    ) -> Result<(), Ending> {
        for table in self.tables.clone() {
            let clinical = table.schema == DATABASE && counts::clinical(&table.name).is_some();
            if clinical && which(&table) {
                let counted = counts::rows_of(client, &table.schema, &table.name).await;
                let counted = self.heard(&table.full_name(), counted)?;
                rows.insert(table.name, counted);
            }
        }
        Ok(())
    }

    /// Every table of every schema, OpenMRS's and the server's own.
    async fn list(&mut self, client: &mut Client) -> Result<Vec<Table>, Ending> {
        let schemas = client.rows::<String>("SHOW DATABASES").await;
        let schemas = self.heard("the list of schemas", schemas)?;
        if !schemas.iter().any(|schema| schema == DATABASE) {
            return Err(Ending::bad(format!("there is no schema {DATABASE}")));
        }
        let mut all = Vec::new();
        for schema in schemas
            .into_iter()
            .filter(|schema| plan::has_tables(schema))
        {
            let names = counts::tables(client, &schema).await;
            let names = self.heard(&schema, names)?;
            all.extend(names.into_iter().map(|name| Table {
                bytes: self.bytes(&schema, &name),
                schema: schema.clone(),
                name,
            }));
        }
        let query = "SELECT name FROM information_schema.innodb_sys_tables";
        let dictionary = client.rows::<String>(query).await;
        let dictionary = self.heard("InnoDB's dictionary", dictionary)?;
        let listed: BTreeSet<&str> = all
            .iter()
            .filter(|table| table.schema == DATABASE)
            .map(|table| table.name.as_str())
            .collect();
        let lost = compare::without_definition(DATABASE, &dictionary, &listed);
        if lost.is_empty() {
            return Ok(all);
        }
        Err(Ending::Bad {
            reasons: lost
                .iter()
                .map(|table| format!("{DATABASE}.{table} has lost its definition (.frm)"))
                .collect(),
        })
    }

    fn bytes(&self, schema: &str, name: &str) -> Option<u64> {
        let path = self.site.data.join(schema).join(format!("{name}.ibd"));
        std::fs::metadata(path).ok().map(|found| found.len())
    }

    async fn client(&mut self, limit: Duration) -> Result<Client, Ending> {
        let Some(server) = &self.server else {
            return Err(ProveError::Killed("it does not run".to_string()).into());
        };
        let connected = server.root(limit).await;
        self.heard("database root is not let in", connected)
    }

    /// An answer, or what its failure means: the server may have died of the question.
    fn heard<T>(&mut self, what: &str, answer: Result<T, SqlError>) -> Result<T, Ending> {
        let error = match answer {
            Ok(answer) => return Ok(answer),
            Err(error) => error,
        };
        let log = self.log_path();
        let lost = error.code().is_none() && !matches!(error, SqlError::TooSlow(_));
        if lost && let Some(mut server) = self.server.take() {
            return Err(match server.ending(END_LIMIT) {
                Ok(()) => error.into(),
                Err(ended) => match judge::ended(ended, &log) {
                    Ending::Bad { reasons } => Ending::Bad {
                        reasons: reasons.iter().map(|why| format!("{what}: {why}")).collect(),
                    },
                    other => other,
                },
            });
        }
        Err(judge::refused(what, error, &log))
    }

    fn runs(&mut self) -> bool {
        self.server
            .as_mut()
            .is_some_and(|server| matches!(server.has_ended(), Ok(false)))
    }
}
