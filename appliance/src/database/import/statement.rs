//! What a statement of a dump is, and how it is changed for the new server.

use super::collation;
use super::tokens::{Kind as Token_, Token, Tokens, name, upper};

/// What a statement does, as far as an import cares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// `CREATE DATABASE`: the import has its own.
    CreateDatabase,
    /// `DROP DATABASE`.
    DropDatabase,
    /// `USE name`.
    Use(String),
    /// `CREATE TABLE` and what its options say.
    CreateTable(Table),
    /// `DROP TABLE` or `DROP VIEW`.
    Drop(Vec<String>),
    /// `TRUNCATE TABLE`.
    Truncate(String),
    /// `CREATE VIEW`.
    CreateView(String),
    /// Another definition or change within the database: trigger, routine, index, ...
    Definition,
    /// `SET` of this connection.
    Session,
    /// Accounts and rights: the old server's are not taken over.
    Account,
    /// Settings and commands for the server or a transaction: the import has its own.
    Server,
    /// An INSERT that is not a plain list of rows.
    UnusualInsert,
    /// Text in a multi-byte character set whose second byte may be a quote or a backslash.
    UnsafeCharacterSet(String),
    /// Nothing that a dump holds.
    Unknown,
}

/// What `CREATE TABLE` says.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Table {
    /// Its name without the database's.
    pub name: String,
    /// `DEFAULT CHARSET`, lower case.
    pub charset: Option<String>,
    /// `COLLATE`, lower case, as in the dump.
    pub collation: Option<String>,
    /// `ENGINE`, lower case.
    pub engine: Option<String>,
}

/// Says what a statement is.
#[must_use]
pub fn classify(text: &[u8]) -> Statement {
    let mut tokens = Tokens::new(text);
    let Some(first) = tokens.word() else {
        return Statement::Unknown;
    };
    match first.as_str() {
        "CREATE" => create(text, tokens),
        "DROP" => drop_what(text, tokens),
        "USE" => tokens
            .next()
            .and_then(|t| name(text, &t))
            .map_or(Statement::Unknown, Statement::Use),
        "SET" => set(text, tokens),
        "ALTER" => alter(text, tokens),
        "TRUNCATE" => table_after(text, tokens).map_or(Statement::Unknown, Statement::Truncate),
        "INSERT" | "REPLACE" => Statement::UnusualInsert,
        "UPDATE" | "DELETE" => Statement::Definition,
        "GRANT" | "REVOKE" => Statement::Account,
        "LOCK" | "UNLOCK" | "BEGIN" | "START" | "STOP" | "COMMIT" | "FLUSH" | "RESET"
        | "CHANGE" | "PURGE" | "INSTALL" | "UNINSTALL" | "ANALYZE" | "OPTIMIZE" | "SELECT"
        | "PREPARE" | "EXECUTE" | "DEALLOCATE" => Statement::Server,
        _ => Statement::Unknown,
    }
}

/// The table an `INSERT INTO t (..) VALUES` goes to; `head` up to VALUES.
#[must_use]
pub fn insert_table(head: &[u8]) -> Option<(Option<String>, String)> {
    let mut tokens = Tokens::new(head);
    tokens.next()?;
    let skip = ["LOW_PRIORITY", "DELAYED", "HIGH_PRIORITY", "IGNORE", "INTO"];
    let first =
        tokens.find(|t| t.kind != Token_::Word || !skip.contains(&upper(head, t).as_str()))?;
    qualified(head, &first, &mut tokens)
}

/// `first` and, after a dot, the name that belongs to it.
fn qualified(
    text: &[u8],
    first: &Token,
    tokens: &mut Tokens<'_>,
) -> Option<(Option<String>, String)> {
    let first = name(text, first)?;
    let mut ahead = tokens.clone();
    if ahead.next().is_some_and(|t| t.kind == Token_::Symbol(b'.')) {
        let second = ahead.next().and_then(|t| name(text, &t))?;
        *tokens = ahead;
        return Some((Some(first), second));
    }
    Some((None, first))
}

fn create(text: &[u8], mut tokens: Tokens<'_>) -> Statement {
    // OR REPLACE, DEFINER=`a`@`b`, ALGORITHM=UNDEFINED, ... stand before the word that matters.
    for _ in 0..24 {
        let Some(token) = tokens.next() else {
            return Statement::Unknown;
        };
        if token.kind != Token_::Word {
            continue;
        }
        match upper(text, &token).as_str() {
            "DATABASE" | "SCHEMA" => return Statement::CreateDatabase,
            "TABLE" => return create_table(text, tokens),
            "VIEW" => {
                return table_after(text, tokens).map_or(Statement::Unknown, Statement::CreateView);
            }
            "USER" | "ROLE" => return Statement::Account,
            "SERVER" | "TABLESPACE" | "LOGFILE" => return Statement::Server,
            "TRIGGER" | "PROCEDURE" | "FUNCTION" | "EVENT" | "PACKAGE" | "INDEX" | "SEQUENCE" => {
                return Statement::Definition;
            }
            _ => {}
        }
    }
    Statement::Unknown
}

fn table_after(text: &[u8], mut tokens: Tokens<'_>) -> Option<String> {
    let skip = ["IF", "NOT", "EXISTS", "TABLE"];
    let first =
        tokens.find(|t| t.kind != Token_::Word || !skip.contains(&upper(text, t).as_str()))?;
    qualified(text, &first, &mut tokens).map(|(_, table)| table)
}

fn create_table(text: &[u8], mut tokens: Tokens<'_>) -> Statement {
    let Some(name) = table_after(text, tokens.clone()) else {
        return Statement::Unknown;
    };
    let mut table = Table {
        name,
        ..Table::default()
    };
    let mut depth = 0u32;
    while let Some(token) = tokens.next() {
        match token.kind {
            Token_::Symbol(b'(') => depth += 1,
            Token_::Symbol(b')') => depth = depth.saturating_sub(1),
            Token_::Word if depth == 0 => {
                let slot = match upper(text, &token).as_str() {
                    "CHARSET" | "SET" => &mut table.charset,
                    "COLLATE" => &mut table.collation,
                    "ENGINE" => &mut table.engine,
                    _ => continue,
                };
                let value = tokens.by_ref().find(|t| t.kind != Token_::Symbol(b'='));
                *slot = value.map(|t| upper(text, &t).to_ascii_lowercase());
            }
            _ => {}
        }
    }
    Statement::CreateTable(table)
}

fn drop_what(text: &[u8], mut tokens: Tokens<'_>) -> Statement {
    let Some(what) = tokens.word() else {
        return Statement::Unknown;
    };
    match what.as_str() {
        "DATABASE" | "SCHEMA" => Statement::DropDatabase,
        "USER" | "ROLE" => Statement::Account,
        "TABLE" | "VIEW" | "TEMPORARY" => {
            let names = tokens
                .filter(|t| t.kind != Token_::Symbol(b','))
                .filter(|t| {
                    !["IF", "EXISTS", "TABLE", "CASCADE", "RESTRICT"]
                        .contains(&upper(text, t).as_str())
                })
                .filter_map(|t| name(text, &t));
            Statement::Drop(names.collect())
        }
        "SERVER" | "TABLESPACE" => Statement::Server,
        _ => Statement::Definition,
    }
}

fn set(text: &[u8], tokens: Tokens<'_>) -> Statement {
    const SERVER: [&str; 10] = [
        "GLOBAL",
        "PERSIST",
        "PERSIST_ONLY",
        "SQL_LOG_BIN",
        "GTID_PURGED",
        "GTID_NEXT",
        "AUTOCOMMIT",
        "TRANSACTION",
        "GTID_SLAVE_POS",
        "SERVER_ID",
    ];
    // A byte of theirs may look like a quote or a backslash, which only a lexer of that character set could tell.
    const UNSAFE: [&str; 6] = ["GBK", "SJIS", "CP932", "BIG5", "GB18030", "GB2312"];
    let words: Vec<String> = tokens
        .filter(|t| matches!(t.kind, Token_::Word | Token_::Quoted(b'\'')))
        .map(|t| upper(text, &t).trim_matches('\'').to_string())
        .collect();
    if let Some(first) = words.first()
        && ["PASSWORD", "ROLE", "DEFAULT"].contains(&first.as_str())
    {
        return Statement::Account;
    }
    if words.iter().any(|w| SERVER.contains(&w.as_str())) {
        return Statement::Server;
    }
    let about_text = words
        .iter()
        .any(|w| w == "NAMES" || w == "CHARACTER_SET_CLIENT");
    if about_text && let Some(found) = words.iter().find(|w| UNSAFE.contains(&w.as_str())) {
        return Statement::UnsafeCharacterSet(found.to_ascii_lowercase());
    }
    Statement::Session
}

fn alter(text: &[u8], mut tokens: Tokens<'_>) -> Statement {
    match tokens.word().as_deref() {
        Some("DATABASE" | "SCHEMA" | "SERVER" | "INSTANCE" | "TABLESPACE") => Statement::Server,
        Some("USER") => Statement::Account,
        Some(_) => {
            let words: Vec<String> = tokens
                .filter(|t| t.kind == Token_::Word)
                .map(|t| upper(text, &t))
                .collect();
            // LOCK TABLES and DISABLE KEYS only end the load's transaction; for InnoDB they do nothing.
            let keys = words.last().is_some_and(|w| w == "KEYS");
            let switch = words.iter().any(|w| w == "DISABLE" || w == "ENABLE");
            if keys && switch {
                Statement::Server
            } else {
                Statement::Definition
            }
        }
        None => Statement::Unknown,
    }
}

/// What was changed in a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Changes {
    /// DEFINER clauses taken off.
    pub definers: u32,
    /// MySQL 8 collations replaced.
    pub collations: u32,
    /// MyISAM and Aria made InnoDB.
    pub engines: u32,
}

/// The statement as the new server can run it, and what was changed; `None` when nothing was.
///
/// DEFINER names accounts of the old server; MySQL 8's collations do not exist in MariaDB; MyISAM
/// loses data in a power cut.
#[must_use]
pub fn rewrite(text: &[u8]) -> Option<(Vec<u8>, Changes)> {
    let mut changes = Changes::default();
    let mut out: Vec<u8> = Vec::new();
    let mut copied = 0;
    let mut replace = |range: std::ops::Range<usize>, by: &[u8]| {
        out.extend_from_slice(text.get(copied..range.start).unwrap_or_default());
        out.extend_from_slice(by);
        copied = range.end;
    };
    let mut tokens = Tokens::new(text);
    let mut depth = 0u32;
    while let Some(token) = tokens.next() {
        match token.kind {
            Token_::Symbol(b'(') => depth += 1,
            Token_::Symbol(b')') => depth = depth.saturating_sub(1),
            Token_::Word => {
                let word = upper(text, &token);
                if word == "DEFINER" {
                    if let Some(end) = definer_end(text, &tokens) {
                        replace(token.range.start..end, b"");
                        changes.definers += 1;
                        tokens = Tokens::new(text);
                        while tokens.clone().next().is_some_and(|t| t.range.start < end) {
                            tokens.next();
                        }
                    }
                } else if word == "ENGINE" && depth == 0 {
                    let mut ahead = tokens.clone();
                    let value = ahead.by_ref().find(|t| t.kind != Token_::Symbol(b'='));
                    if let Some(value) =
                        value.filter(|t| ["MYISAM", "ARIA"].contains(&upper(text, t).as_str()))
                    {
                        replace(value.range, b"InnoDB");
                        changes.engines += 1;
                        tokens = ahead;
                    }
                } else if let Some(mapped) = collation::mapped(&word) {
                    replace(token.range, mapped.as_bytes());
                    changes.collations += 1;
                }
            }
            _ => {}
        }
    }
    if changes == Changes::default() {
        return None;
    }
    out.extend_from_slice(text.get(copied..).unwrap_or_default());
    Some((out, changes))
}

/// Where `DEFINER = account` ends; `tokens` stands after the word. `SQL SECURITY DEFINER` has no `=`.
fn definer_end(text: &[u8], tokens: &Tokens<'_>) -> Option<usize> {
    let mut ahead = tokens.clone();
    ahead.next().filter(|t| t.kind == Token_::Symbol(b'='))?;
    let user = ahead.next()?;
    let mut end = user.range.end;
    let mut after = ahead.clone();
    match after.next() {
        Some(at) if at.kind == Token_::Symbol(b'@') => end = after.next()?.range.end,
        Some(open) if open.kind == Token_::Symbol(b'(') && upper(text, &user) == "CURRENT_USER" => {
            end = after.next()?.range.end
        }
        _ => {}
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(text: &str) -> String {
        rewrite(text.as_bytes()).map_or_else(
            || text.to_string(),
            |(bytes, _)| String::from_utf8(bytes).unwrap(),
        )
    }

    #[test]
    fn databases_accounts_and_server_settings_are_told_also_in_conditional_comments() {
        for (text, what) in [
            (
                "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `x` /*!40100 DEFAULT CHARACTER SET utf8 */",
                Statement::CreateDatabase,
            ),
            (
                "/*!40000 DROP DATABASE IF EXISTS `x`*/",
                Statement::DropDatabase,
            ),
            ("/*!40101 USE `a``b` */", Statement::Use("a`b".into())),
            ("GRANT ALL ON *.* TO x", Statement::Account),
            ("/*!50003 CREATE USER x */", Statement::Account),
            ("SET PASSWORD FOR x = 'y'", Statement::Account),
            ("SET @@GLOBAL.gtid_purged='x'", Statement::Server),
            ("/*!50606 SET GLOBAL a=1 */", Statement::Server),
            ("SET @@SESSION.SQL_LOG_BIN= 0", Statement::Server),
            (
                "/*!40000 ALTER TABLE `obs` DISABLE KEYS */",
                Statement::Server,
            ),
            ("LOCK TABLES `obs` WRITE", Statement::Server),
            ("/*!40101 SET NAMES utf8 */", Statement::Session),
            ("SET NAMES gbk", Statement::UnsafeCharacterSet("gbk".into())),
            (
                "/*!50001 DROP VIEW IF EXISTS `v`*/",
                Statement::Drop(vec!["v".into()]),
            ),
            ("INSERT INTO t SELECT * FROM u", Statement::UnusualInsert),
            ("Dear all", Statement::Unknown),
        ] {
            assert_eq!(classify(text.as_bytes()), what, "{text}");
        }
    }

    #[test]
    fn a_table_says_its_name_and_options_and_not_those_of_its_columns() {
        let text = "CREATE TABLE IF NOT EXISTS `db`.`obs` (`a` varchar(5) CHARACTER SET latin1 COLLATE latin1_bin, `engine` int) ENGINE=InnoDB AUTO_INCREMENT=5 DEFAULT CHARSET=utf8 COLLATE=utf8_bin";
        let Statement::CreateTable(table) = classify(text.as_bytes()) else {
            panic!()
        };
        assert_eq!(
            (table.name.as_str(), table.charset.as_deref()),
            ("obs", Some("utf8"))
        );
        assert_eq!(
            (table.collation.as_deref(), table.engine.as_deref()),
            (Some("utf8_bin"), Some("innodb"))
        );
    }

    #[test]
    fn definers_go_and_sql_security_stays() {
        assert_eq!(
            rewritten(
                "/*!50013 DEFINER=`root`@`%` SQL SECURITY DEFINER */ VIEW v AS SELECT 'DEFINER=`a`@`b`'"
            ),
            "/*!50013  SQL SECURITY DEFINER */ VIEW v AS SELECT 'DEFINER=`a`@`b`'"
        );
        assert_eq!(
            rewritten("CREATE DEFINER = 'a'@'b' PROCEDURE p() x"),
            "CREATE  PROCEDURE p() x"
        );
        assert_eq!(
            rewritten("CREATE DEFINER=CURRENT_USER() PROCEDURE p() x"),
            "CREATE  PROCEDURE p() x"
        );
        assert_eq!(
            rewritten("CREATE DEFINER=root VIEW v AS SELECT 1"),
            "CREATE  VIEW v AS SELECT 1"
        );
    }

    #[test]
    fn engines_and_collations_are_replaced_outside_quotes_only() {
        assert_eq!(
            rewritten(
                "CREATE TABLE t (a text COLLATE utf8mb4_0900_ai_ci DEFAULT 'utf8mb4_0900_ai_ci') ENGINE = MyISAM COMMENT='ENGINE=MyISAM'"
            ),
            "CREATE TABLE t (a text COLLATE utf8mb4_uca1400_nopad_ai_ci DEFAULT 'utf8mb4_0900_ai_ci') ENGINE = InnoDB COMMENT='ENGINE=MyISAM'"
        );
    }

    #[test]
    fn the_table_of_an_insert_is_found() {
        let table = |text: &str| insert_table(text.as_bytes());
        assert_eq!(
            table("INSERT IGNORE INTO `a``b` (`x`) VALUES"),
            Some((None, "a`b".into()))
        );
        assert_eq!(
            table("REPLACE INTO db.`t` VALUES"),
            Some((Some("db".into()), "t".into()))
        );
        assert_eq!(table("INSERT"), None);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_break_the_reading_of_a_statement(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
            let _ = (classify(&bytes), insert_table(&bytes), rewrite(&bytes));
        }
    }
}
