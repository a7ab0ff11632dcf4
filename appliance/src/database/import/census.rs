//! What a dump holds, and what of it the new server gets. No I/O: pieces in, steps out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::collation::{DatabaseDefault, database_default};
use super::error::{ImportError, NotADump};
use super::lexer::Piece;
use super::statement::{self, Changes, Statement, Table};

/// Without these it is not OpenMRS (all versions from 1.9 to 2.8 have them).
pub const OPENMRS_TABLES: [&str; 4] = ["patient", "obs", "users", "global_property"];
/// OpenMRS with 25 modules has about 300; names in memory must have a bound.
const TABLES_LIMIT: usize = 20_000;

/// One table of the dump.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Counted {
    /// Rows in its INSERTs.
    pub rows: u64,
    /// What its CREATE TABLE says.
    pub table: Table,
}

/// One database of the dump.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Database {
    /// Its name, if the dump says one (`USE`).
    pub name: Option<String>,
    /// Tables by name.
    pub tables: BTreeMap<String, Counted>,
    /// Views.
    pub views: u64,
    /// Changes made on the way.
    pub changes: Changes,
    /// Its CREATE USER, GRANT, ...: left out.
    pub accounts_skipped: u64,
}

impl Database {
    /// OpenMRS's tables that are not there.
    #[must_use]
    pub fn missing(&self) -> Vec<String> {
        let there = |name: &&str| self.tables.keys().any(|t| t.eq_ignore_ascii_case(name));
        OPENMRS_TABLES
            .iter()
            .filter(|name| !there(name))
            .map(|name| (*name).to_string())
            .collect()
    }

    /// Whether it is OpenMRS.
    #[must_use]
    pub fn is_openmrs(&self) -> bool {
        self.missing().is_empty()
    }

    /// Rows of all tables.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.values().map(|t| t.rows).sum()
    }

    /// What new tables are made with, so that they go together with these.
    #[must_use]
    pub fn new_tables(&self) -> DatabaseDefault {
        database_default(
            self.tables
                .values()
                .map(|t| (t.table.charset.as_deref(), t.table.collation.as_deref())),
        )
    }

    /// The name for people.
    #[must_use]
    pub fn shown(&self) -> String {
        self.name.clone().unwrap_or_else(|| "(no name)".to_string())
    }
}

/// What the new server gets for a piece.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing.
    Skip,
    /// A statement, as it stands here.
    Run {
        /// The text.
        sql: Cow<'a, [u8]>,
        /// The table it is about.
        table: Option<String>,
    },
    /// The piece's rows as they are.
    Rows {
        /// Their table.
        table: String,
    },
    /// Another database begins, and what was sent of the one before is to be thrown away.
    BeginAgain,
}

/// Which database of the dump is sent on.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Wanted {
    /// The first that is OpenMRS, for a dump that is read only once.
    First,
    /// This one, for a dump surveyed before.
    Named(Option<String>),
}

/// The count so far.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Census {
    file: String,
    wanted: Wanted,
    /// Databases in the order of the dump.
    pub databases: Vec<Database>,
    current: usize,
    /// `Server version` of the dump's head.
    pub server_version: Option<String>,
    /// The dump program's line.
    pub producer: Option<String>,
    /// The end mark was seen.
    pub completed: bool,
    statements: u64,
    last_table: Option<String>,
}

impl Census {
    /// Before the first piece.
    #[must_use]
    pub fn new(file: &str, wanted: Wanted) -> Self {
        Self {
            file: file.to_string(),
            wanted,
            databases: vec![Database::default()],
            current: 0,
            server_version: None,
            producer: None,
            completed: false,
            statements: 0,
            last_table: None,
        }
    }

    /// The table last met, for messages.
    #[must_use]
    pub fn last_table(&self) -> Option<String> {
        self.last_table.clone()
    }

    /// Counts a piece and says what the server gets.
    ///
    /// # Errors
    /// A statement that no dump holds.
    pub fn take<'a>(&mut self, piece: &Piece<'a>) -> Result<Step<'a>, ImportError> {
        match *piece {
            Piece::Comment { text, .. } => {
                self.comment(text);
                Ok(Step::Skip)
            }
            Piece::Rows {
                text,
                head_bytes,
                rows,
                line,
            } => {
                let head = text.get(..head_bytes).unwrap_or_default();
                self.rows(head, rows, line)
            }
            Piece::Statement { text, line } => self.statement(text, line),
        }
    }

    fn comment(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        if let Some(version) = text.strip_prefix("Server version") {
            self.server_version
                .get_or_insert_with(|| version.trim().to_string());
        } else if text.starts_with("MySQL dump") || text.starts_with("MariaDB dump") {
            self.producer.get_or_insert_with(|| text.trim().to_string());
        }
        // Only the last comment counts: files put together from several dumps have marks in between.
        self.completed = text.starts_with("Dump completed") || (self.completed && text.is_empty());
    }

    fn rows<'a>(&mut self, head: &[u8], rows: u64, line: u64) -> Result<Step<'a>, ImportError> {
        self.completed = false;
        self.statements += 1;
        let (_, name) = statement::insert_table(head).ok_or_else(|| self.unknown(head, line))?;
        let skipped = self.skipped();
        let found = self.database().tables.get_mut(&name);
        let Some(counted) = found else {
            return Err(ImportError::NoSuchTable {
                file: self.file.clone(),
                line,
                table: name,
            });
        };
        counted.rows += rows;
        self.last_table = Some(name.clone());
        Ok(if skipped {
            Step::Skip
        } else {
            Step::Rows { table: name }
        })
    }

    fn statement<'a>(&mut self, text: &'a [u8], line: u64) -> Result<Step<'a>, ImportError> {
        self.completed = false;
        let what = statement::classify(text);
        let mut table = None;
        match what {
            Statement::Unknown | Statement::UnusualInsert => return Err(self.unknown(text, line)),
            Statement::UnsafeCharacterSet(charset) => {
                return Err(ImportError::CharacterSet {
                    file: self.file.clone(),
                    line,
                    charset,
                });
            }
            Statement::Use(name) => return Ok(self.change_to(name)),
            Statement::Account => {
                self.database().accounts_skipped += 1;
                return Ok(Step::Skip);
            }
            Statement::CreateDatabase | Statement::DropDatabase | Statement::Server => {
                return Ok(Step::Skip);
            }
            // The connection's settings reach over all databases of the dump.
            Statement::Session => {
                let sql = statement::rewrite(text)
                    .map_or(Cow::Borrowed(text), |(sql, _)| Cow::Owned(sql));
                return Ok(Step::Run { sql, table: None });
            }
            Statement::CreateTable(created) => {
                table = Some(created.name.clone());
                self.create(created, line)?;
            }
            Statement::Drop(names) => {
                for name in names {
                    self.database().tables.remove(&name);
                }
            }
            Statement::Truncate(name) => {
                if let Some(counted) = self.database().tables.get_mut(&name) {
                    counted.rows = 0;
                }
                table = Some(name);
            }
            Statement::CreateView(name) => {
                self.database().tables.remove(&name);
                self.database().views += 1;
                table = Some(name);
            }
            Statement::Definition => {}
        }
        self.statements += 1;
        if table.is_some() {
            self.last_table.clone_from(&table);
        }
        let rewritten = statement::rewrite(text);
        if let Some((_, changes)) = &rewritten {
            let all = &mut self.database().changes;
            all.definers += changes.definers;
            all.collations += changes.collations;
            all.engines += changes.engines;
        }
        if self.skipped() {
            return Ok(Step::Skip);
        }
        Ok(Step::Run {
            sql: rewritten.map_or(Cow::Borrowed(text), |(sql, _)| Cow::Owned(sql)),
            table,
        })
    }

    fn create(&mut self, table: Table, line: u64) -> Result<(), ImportError> {
        let tables: usize = self.databases.iter().map(|d| d.tables.len()).sum();
        if tables >= TABLES_LIMIT {
            return Err(ImportError::TooManyTables {
                file: self.file.clone(),
                line,
                limit: TABLES_LIMIT,
            });
        }
        self.database()
            .tables
            .insert(table.name.clone(), Counted { rows: 0, table });
        Ok(())
    }

    fn change_to<'a>(&mut self, name: String) -> Step<'a> {
        let before_is_openmrs = self.databases.iter().any(Database::is_openmrs);
        let before_has_tables = !self.database().tables.is_empty();
        if self.database().name.is_none() && !before_has_tables {
            self.database().name = Some(name);
            return Step::Skip;
        }
        let known = self
            .databases
            .iter()
            .position(|d| d.name.as_deref() == Some(&name));
        let same = known == Some(self.current);
        self.current = known.unwrap_or_else(|| {
            self.databases.push(Database {
                name: Some(name),
                ..Database::default()
            });
            self.databases.len() - 1
        });
        let again =
            self.wanted == Wanted::First && !same && !before_is_openmrs && before_has_tables;
        if again { Step::BeginAgain } else { Step::Skip }
    }

    fn database(&mut self) -> &mut Database {
        if self.current >= self.databases.len() {
            self.databases.push(Database::default());
            self.current = self.databases.len() - 1;
        }
        let current = self.current;
        // The line above made it exist; the first is only for the type.
        #[allow(clippy::indexing_slicing, reason = "made to exist just above")]
        &mut self.databases[current]
    }

    /// Whether what comes now belongs to a database that is not sent on.
    fn skipped(&mut self) -> bool {
        match &self.wanted {
            Wanted::Named(name) => {
                let name = name.clone();
                self.database().name != name
            }
            Wanted::First => {
                let current = self.current;
                self.databases
                    .iter()
                    .enumerate()
                    .any(|(at, d)| at != current && d.is_openmrs())
            }
        }
    }

    fn unknown(&self, text: &[u8], line: u64) -> ImportError {
        let file = self.file.clone();
        if self.statements == 0 && self.producer.is_none() {
            return ImportError::NotADump {
                file,
                what: NotADump::NoStatements,
            };
        }
        ImportError::UnknownStatement {
            file,
            line,
            text: beginning(text),
        }
    }

    /// At the end of the dump: is it whole, and which database is the one? `wanted` by name, if asked for.
    ///
    /// # Errors
    /// Why it cannot be imported.
    pub fn conclude(
        &self,
        line: u64,
        need_end_mark: bool,
        wanted: Option<&str>,
    ) -> Result<&Database, ImportError> {
        let file = self.file.clone();
        if self.statements == 0 {
            return Err(ImportError::NotADump {
                file,
                what: NotADump::NoStatements,
            });
        }
        if need_end_mark && !self.completed {
            return Err(ImportError::NoEndMark {
                file,
                line,
                table: self.last_table(),
            });
        }
        if let Some(name) = wanted {
            let found = self
                .databases
                .iter()
                .find(|d| d.name.as_deref() == Some(name));
            let found = found.ok_or_else(|| ImportError::NoSuchDatabase {
                file: self.file.clone(),
                name: name.to_string(),
                names: self.databases.iter().map(Database::shown).collect(),
            })?;
            return if found.is_openmrs() {
                Ok(found)
            } else {
                Err(self.not_openmrs(Some(found)))
            };
        }
        let all: Vec<&Database> = self.databases.iter().filter(|d| d.is_openmrs()).collect();
        match all.as_slice() {
            [one] => Ok(one),
            [] => Err(self.not_openmrs(self.databases.iter().max_by_key(|d| d.tables.len()))),
            several => Err(ImportError::SeveralDatabases {
                file,
                names: several.iter().map(|d| d.shown()).collect(),
            }),
        }
    }

    fn not_openmrs(&self, nearest: Option<&Database>) -> ImportError {
        ImportError::NotOpenMrs {
            file: self.file.clone(),
            missing: nearest.map(Database::missing).unwrap_or_default(),
            tables: nearest.map_or(0, |d| d.tables.len()),
        }
    }
}

/// The beginning of a statement for a message: one line, at most 120 characters.
#[must_use]
pub fn beginning(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.get(..text.len().min(400)).unwrap_or_default());
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .join(" ")
        .chars()
        .filter(|c| !c.is_control())
        .take(120)
        .collect()
}
