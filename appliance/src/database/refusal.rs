//! A server that refuses to start because of prepared transactions: its journal was closed, InnoDB had not flushed the last
//! commits' ends (a power cut inside a stop that was not settled, see [`super::settle`]). All that was acknowledged is there: a
//! commit is acknowledged only when it is in the journal and prepared in InnoDB, both flushed. Only nobody looks it up, because a
//! journal that was closed is taken for one that has nothing to tell.
//!
//! Mended by marking the journal as one that was being written: the next start commits what is in it and rolls back the rest, as
//! after any power cut. `--tc-heuristic-recover=COMMIT`, which the server's message asks for, would commit also what never
//! reached the journal (a commit that failed or was never acknowledged; seen with 10.11.19 and 11.8.6), so that database and
//! journal no longer tell the same; `ROLLBACK` would lose acknowledged commits.

use std::path::Path;

use super::journal::{self, JournalError, State};

/// Before and behind the number of transactions, sql/handler.cc (`ha_recover`), 10.11 and 11.8.
const REFUSAL: (&str, &str) = ("[ERROR] Found ", " prepared transactions! It means that ");
/// What the server says after it.
const CONSEQUENCE: &str = "[ERROR] Aborting";

/// What to do about a server that did not come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Something else is wrong, or it was tried already: nothing.
    Leave,
    /// Mark the journal as one that was being written.
    Reopen {
        /// Prepared transactions.
        transactions: u64,
    },
}

/// How many transactions the server refuses to decide, if that is all it complains of. `said`: its whole log of that start.
#[must_use]
pub fn prepared(said: &str) -> Option<u64> {
    let mut found = None;
    for line in said.lines().filter(|line| line.contains("[ERROR]")) {
        let number = line
            .split_once(REFUSAL.0)
            .and_then(|(_, rest)| rest.split_once(REFUSAL.1))
            .and_then(|(number, _)| number.parse().ok());
        match number {
            Some(number) => found = Some(number),
            None if line.contains(CONSEQUENCE) => {}
            None => return None,
        }
    }
    found
}

/// Of `said` and what the last journal says of its end. At most once a refusal: a journal that is marked already and a server
/// that refuses all the same is another fault.
#[must_use]
pub fn decide(said: &str, journal: State) -> Decision {
    match (prepared(said), journal) {
        (Some(transactions), State::Closed) => Decision::Reopen { transactions },
        _ => Decision::Leave,
    }
}

/// Mends the data directory `data` of a server that is down and `said` why, if this was its reason; how many transactions were
/// prepared. `None`: nothing was done.
///
/// # Errors
/// [`JournalError`]: it was the reason, and the journal cannot be read or marked.
pub fn mend(data: &Path, said: &str) -> Result<Option<u64>, JournalError> {
    if prepared(said).is_none() {
        return Ok(None);
    }
    let last = journal::last(data)?;
    match decide(said, journal::state(&last)?) {
        Decision::Leave => Ok(None),
        Decision::Reopen { transactions } => {
            journal::reopen(&last)?;
            Ok(Some(transactions))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 11.8.6.
    const REFUSED: &str = "\
2026-11-24 18:04:35 0 [Note] InnoDB: 1 transactions in prepared state after recovery
2026-11-24 18:04:35 0 [Note] Found 1 prepared transaction(s) in InnoDB
2026-11-24 18:04:35 0 [ERROR] Found 12 prepared transactions! It means that server was not shut down properly last time and critical recovery information (last binlog or tc.log file) was manually deleted after a crash. You have to start server with --tc-heuristic-recover switch to commit or rollback pending transactions.
2026-11-24 18:04:35 0 [ERROR] Aborting
2026-11-24 18:04:36 0 [Note] /usr/sbin/mariadbd: Shutdown complete
";

    #[test]
    fn the_refusal_is_known_by_its_words_and_tells_how_many() {
        assert_eq!(prepared(REFUSED), Some(12));
        let reopened = Decision::Reopen { transactions: 12 };
        assert_eq!(decide(REFUSED, State::Closed), reopened);
    }

    #[test]
    fn nothing_is_done_twice_or_where_something_else_is_wrong() {
        assert_eq!(decide(REFUSED, State::InUse), Decision::Leave);
        for other in [
            "",
            "2026-11-24 18:04:35 0 [ERROR] Aborting\n",
            "2026-11-24 18:04:35 0 [Note] Found 1 prepared transaction(s) in InnoDB\n",
        ] {
            assert_eq!(decide(other, State::Closed), Decision::Leave);
        }
        for worse in [
            "2026-11-24 18:04:34 0 [ERROR] InnoDB: Tablespace 6 was not found at ./openmrs/users.ibd.\n",
            "2026-11-24 18:04:34 0 [ERROR] mariadbd: File './binlog.000007' not found (Errcode: 2)\n",
        ] {
            let said = format!("{worse}{REFUSED}");
            assert_eq!(decide(&said, State::Closed), Decision::Leave);
            let said = format!("{REFUSED}{worse}");
            assert_eq!(decide(&said, State::Closed), Decision::Leave);
        }
    }

    proptest! {
        #[test]
        fn any_other_error_beside_it_is_left_to_people(error in "[a-zA-Z :./]{0,60}", first in any::<bool>()) {
            prop_assume!(!error.starts_with("Aborting") && !error.starts_with(" Aborting"));
            let line = format!("0 [ERROR] {error}\n");
            let said = if first { format!("{line}{REFUSED}") } else { format!("{REFUSED}{line}") };
            prop_assert_eq!(decide(&said, State::Closed), Decision::Leave);
        }

        #[test]
        fn no_words_break_it(said in ".{0,200}") {
            let _ = prepared(&said);
        }
    }
}
