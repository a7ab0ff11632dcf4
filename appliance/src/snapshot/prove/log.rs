//! What a private server's log says of the data it was started on. Pure; the words are those of MariaDB 10.11 and 11.8
//! (storage/innobase/log/log0recv.cc, buf/buf0buf.cc, fil/fil0fil.cc, sql/sql_acl.cc), tried on damaged data directories.

use std::io::{BufRead, Read};

/// A proof's log is a few kilobytes; a server that complains of every page must not fill the memory.
pub const LIMIT_BYTES: u64 = 16 << 20;
/// Longer lines are cut here.
const LINE_BYTES: u64 = 4096;
/// Lines kept of each kind.
const KEPT: usize = 8;

/// What one line means for the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// The data are damaged, whatever the server does next.
    Damage,
    /// The box lacks something (room, memory, a right): nothing is said of the data.
    Lack,
    /// An error that counts only if the server gives up.
    Complaint,
    /// Nothing, or only the consequence of an earlier line.
    Nothing,
}

/// What a whole log says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The first lines that speak of damage, without time and thread.
    pub damage: Vec<String>,
    /// The first lines that speak of what the box lacks.
    pub lacks: Vec<String>,
    /// The first other errors.
    pub complaints: Vec<String>,
}

impl Said {
    /// Why the server gave up, as far as its log tells.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        let first = self.damage.first().or_else(|| self.complaints.first());
        first.map(String::as_str)
    }

    fn take(&mut self, line: &str) {
        let lines = match meaning(line) {
            Meaning::Damage => &mut self.damage,
            Meaning::Lack => &mut self.lacks,
            Meaning::Complaint => &mut self.complaints,
            Meaning::Nothing => return,
        };
        if lines.len() < KEPT {
            lines.push(words(line).to_string());
        }
    }
}

/// Reads a log up to [`LIMIT_BYTES`].
///
/// # Errors
/// The reader's.
pub fn read(from: impl Read) -> std::io::Result<Said> {
    let mut from = std::io::BufReader::new(from.take(LIMIT_BYTES));
    let mut said = Said::default();
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut from).take(LINE_BYTES).read_until(b'\n', &mut line)? == 0 {
            return Ok(said);
        }
        said.take(String::from_utf8_lossy(&line).trim_end());
    }
}

/// What one line means.
#[must_use]
pub fn meaning(line: &str) -> Meaning {
    let text = line.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let error = text.contains("[error]");
    let warning = text.contains("[warning]");
    if (error || warning) && any(LACKS) {
        return Meaning::Lack;
    }
    if any(CRASH) {
        return Meaning::Damage;
    }
    if !(error || warning) || any(CONSEQUENCES) {
        return Meaning::Nothing;
    }
    // The server repairs its own Aria tables as it opens them; whether that worked, opening and checking them tells.
    if text.contains("is marked as crashed") || any(AFTER_AN_UPGRADE) {
        return if error {
            Meaning::Complaint
        } else {
            Meaning::Nothing
        };
    }
    if any(DAMAGE) || (error && text.contains("innodb:")) {
        return Meaning::Damage;
    }
    if error {
        Meaning::Complaint
    } else {
        Meaning::Nothing
    }
}

/// Not the data's fault.
const LACKS: &[&str] = &[
    "no space left",
    "disk full",
    "disk is full",
    "errcode: 28 ",
    "error number 28 ",
    "cannot allocate memory",
    "can't allocate memory",
    "out of memory",
    "errcode: 12 ",
    "error number 12 ",
    "permission denied",
    "errcode: 13 ",
    "error number 13 ",
    "read-only file system",
    "errcode: 30 ",
    "error number 30 ",
    "too many open files",
    "errcode: 24 ",
    "error number 24 ",
    "unable to lock",
    "can't create thread",
    "can't start server",
    "unknown variable",
    "unknown option",
];
/// The server died of what it read.
const CRASH: &[&str] = &[
    "assertion failure in file",
    "got signal 6",
    "got signal 7",
    "got signal 8",
    "got signal 11",
];
/// What the server says after the line that matters.
const CONSEQUENCES: &[&str] = &[
    "[error] aborting",
    "plugin initialization aborted",
    "registration as a storage engine failed",
    "unknown/unsupported storage engine",
];
/// Statistics tables of another minor version: InnoDB does without them.
const AFTER_AN_UPGRADE: &[&str] = &["innodb_table_stats", "innodb_index_stats"];
/// Also in warnings.
const DAMAGE: &[&str] = &["corrupt", "checksum mismatch", "doesn't exist in engine"];

/// The line without time and thread, which differ from proof to proof.
fn words(line: &str) -> &str {
    line.find("[ERROR]")
        .or_else(|| line.find("[Warning]"))
        .and_then(|at| line.get(at..))
        .and_then(|rest| rest.split_once("] "))
        .map_or(line, |(_, words)| words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GOOD: &str = "\
2026-11-23  1:09:07 0 [Warning] Could not increase number of max_open_files to more than 20000 (request: 32184)
2026-11-23  1:09:07 0 [Note] InnoDB: Starting crash recovery from checkpoint LSN=48536
2026-11-23  1:09:07 0 [Note] InnoDB: To recover: 1220 pages
2026-11-23  1:09:07 0 [Note] InnoDB: Last binlog file './binlog.000001', position 12261374
2026-11-23  1:09:07 0 [Note] Recovering after a crash using binlog
2026-11-23  1:09:07 0 [Note] InnoDB: 1 transactions in prepared state after recovery
2026-11-23  1:09:07 0 [Note] InnoDB: You can use CHECK TABLE to scan your table for corruption.
";

    fn said(text: &str) -> Said {
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_recovery_tells_of_no_damage() {
        let said = said(GOOD);
        assert_eq!(said.damage, Vec::<String>::new());
        assert_eq!(said.lacks, Vec::<String>::new());
        assert_eq!(said.complaints, Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_damage_that_was_tried_is_seen() {
        for line in [
            "2026-11-23  1:09:12 0 [ERROR] InnoDB: File ./ib_logfile0 was not found",
            "2026-11-23  1:09:11 0 [ERROR] InnoDB: Tablespace 6 was not found at ./openmrs/users.ibd.",
            "2026-11-23  1:09:15 0 [ERROR] InnoDB: Failed to read page 500 from file './openmrs/obs.ibd': Page read from tablespace is corrupted.",
            "2026-11-23  1:08:40 5 [ERROR] InnoDB: The size of the file ./openmrs/obs.ibd is only 16384 bytes, should be at least 65536",
            "2026-11-23  1:08:40 6 [ERROR] mariadbd: Table `openmrs`.`obs` is corrupted. Please drop the table and recreate.",
            "2026-11-23  1:08:40 6 [Warning] InnoDB: Table openmrs/obs is corrupted",
            "2026-11-23  1:08:40 6 [ERROR] InnoDB: Operating system error number 5 in a file operation.",
            "2026-11-23  1:08:40 6 [ERROR] mariadbd: Index for table 'x' is corrupt (Errcode: 126 \"Index file is crashed\")",
            "261123  1:08:40 [ERROR] /usr/sbin/mariadbd got signal 6 ;",
            "2026-11-23 01:08:40 0x7f InnoDB: Assertion failure in file ./storage/innobase/fil/fil0fil.cc line 1",
        ] {
            assert_eq!(meaning(line), Meaning::Damage, "{line}");
        }
    }

    #[test]
    fn what_the_box_lacks_is_no_damage() {
        for line in [
            "2026-11-23  1:09:12 0 [ERROR] InnoDB: Operating system error number 28 in a file operation.",
            "2026-11-23  1:09:12 0 [ERROR] mariadbd: Disk full (/data/staging/x); waiting for someone to free some space...",
            "2026-11-23  1:09:12 0 [ERROR] InnoDB: Cannot allocate memory for the buffer pool",
            "2026-11-23  1:09:12 0 [ERROR] mariadbd: Can't create/write to file '/x/pid' (Errcode: 13 \"Permission denied\")",
            "2026-11-23  1:09:12 0 [ERROR] /usr/sbin/mariadbd: unknown variable 'x=1'",
        ] {
            assert_eq!(meaning(line), Meaning::Lack, "{line}");
        }
    }

    #[test]
    fn a_consequence_is_not_taken_for_the_reason() {
        let said = said(
            "2026-11-23  1:09:21 0 [ERROR] Fatal error: Can't open and lock privilege tables: 'mysql.user' is not of type 'TABLE'\n\
             2026-11-23  1:09:21 0 [ERROR] Aborting\n",
        );
        assert_eq!(said.complaints.len(), 1);
        assert!(
            said.why()
                .unwrap()
                .starts_with("Fatal error: Can't open and lock"),
            "{said:?}"
        );
    }

    #[test]
    fn a_log_without_end_and_lines_without_end_are_bounded() {
        let long = std::io::repeat(b'x');
        assert_eq!(read(long).unwrap(), Said::default());
        let many = "1 [ERROR] InnoDB: corrupt\n".repeat(100_000);
        assert_eq!(said(&many).damage.len(), KEPT);
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = read(bytes.as_slice()).unwrap();
        }

        #[test]
        fn no_line_panics(line in ".{0,120}") {
            let _ = meaning(&line);
        }
    }
}
