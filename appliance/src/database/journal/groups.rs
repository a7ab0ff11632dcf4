//! Where the last whole change in a journal ends. A transaction is a group of events that begins with its GTID and ends with an XID
//! or a COMMIT; a statement that is one by itself has one event after its GTID (sql/log_event.h, `Gtid_log_event::FL_STANDALONE`).
//! The server's recovery counts a group only when its end is there.

use std::io::{BufReader, ErrorKind, Read};
use std::path::Path;

use super::{FORMAT_DESCRIPTION, HEAD_BYTES, JournalError, LENGTH_AT, MAGIC, TYPE_AT, open};

const QUERY: u8 = 2;
const STOP: u8 = 3;
const ROTATE: u8 = 4;
const XID: u8 = 16;
const XA_PREPARE: u8 = 38;
const CHECKPOINT: u8 = 161;
const GTID: u8 = 162;
const GTID_LIST: u8 = 163;
/// Of a GTID's body: number 8, domain 4, then the flags.
const GTID_FLAGS_AT: usize = 12;
const STANDALONE: u8 = 1;
/// Looked at of an event's body: a COMMIT with its session's variables is far shorter.
const BODY_BYTES: u64 = 1024;
/// Of a query's body: thread 4, time 4, length of the schema's name 1, error 2, length of the variables 2.
const QUERY_HEAD_BYTES: usize = 13;
/// CRC-32 behind each event, where the format description says so.
const CHECKSUM_BYTES: usize = 4;

/// The byte offset behind the last whole group of `journal`, or behind its own first events if it has none. What the server
/// noted at its end (STOP, ROTATE) counts; a group that was cut off does not.
///
/// # Errors
/// [`JournalError`].
pub fn end(journal: &Path) -> Result<u64, JournalError> {
    let file = open(journal, false)?;
    walk(BufReader::with_capacity(1 << 20, file))
        .map_err(|source| JournalError::File {
            path: journal.to_path_buf(),
            source,
        })?
        .ok_or_else(|| JournalError::Not(journal.to_path_buf()))
}

/// Whether a group is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Group {
    No,
    Begun,
    /// Ends with its next event.
    Standalone,
}

/// `None`: no journal.
fn walk(mut from: impl Read) -> std::io::Result<Option<u64>> {
    let mut magic = [0; MAGIC.len()];
    if !filled(&mut from, &mut magic)? || magic != MAGIC {
        return Ok(None);
    }
    let (mut at, mut whole, mut group) = (MAGIC.len() as u64, None, Group::No);
    let mut head = [0; HEAD_BYTES];
    let mut body = Vec::new();
    while filled(&mut from, &mut head)? {
        let Some((kind, rest)) = event(&head) else {
            break;
        };
        body.clear();
        let kept = (&mut from)
            .take(rest.min(BODY_BYTES))
            .read_to_end(&mut body)? as u64;
        let skipped = std::io::copy(
            &mut (&mut from).take(rest.saturating_sub(kept)),
            &mut std::io::sink(),
        )?;
        if kept.saturating_add(skipped) < rest {
            break;
        }
        at = at.saturating_add(HEAD_BYTES as u64).saturating_add(rest);
        group = next(group, kind, &body);
        if group == Group::No {
            whole = Some(at);
        }
    }
    Ok(whole)
}

/// Type and length without the head; `None`: what no server writes.
fn event(head: &[u8; HEAD_BYTES]) -> Option<(u8, u64)> {
    let length: [u8; 4] = head.get(LENGTH_AT..LENGTH_AT + 4)?.try_into().ok()?;
    let rest = u64::from(u32::from_le_bytes(length)).checked_sub(HEAD_BYTES as u64)?;
    Some((*head.get(TYPE_AT)?, rest))
}

fn next(group: Group, kind: u8, body: &[u8]) -> Group {
    match kind {
        GTID => match body.get(GTID_FLAGS_AT).copied().unwrap_or_default() & STANDALONE {
            0 => Group::Begun,
            _ => Group::Standalone,
        },
        // Between groups only: one that was not ended was not whole.
        FORMAT_DESCRIPTION | STOP | ROTATE | CHECKPOINT | GTID_LIST => Group::No,
        XID | XA_PREPARE => Group::No,
        QUERY if is_end(body) => Group::No,
        _ if group == Group::Standalone => Group::No,
        _ => group,
    }
}

/// Whether a query's text is COMMIT or ROLLBACK (to no savepoint): how changes of tables without transactions end.
fn is_end(body: &[u8]) -> bool {
    let text = || {
        let schema = usize::from(*body.get(8)?);
        let variables: [u8; 2] = body.get(11..13)?.try_into().ok()?;
        let from = QUERY_HEAD_BYTES + usize::from(u16::from_le_bytes(variables)) + schema + 1;
        body.get(from..)
    };
    text().is_some_and(|text| {
        ["COMMIT", "ROLLBACK"].iter().any(|word| {
            text.strip_prefix(word.as_bytes())
                .is_some_and(|rest| rest.is_empty() || rest.len() == CHECKSUM_BYTES)
        })
    })
}

/// Whether there was enough to fill `buffer`.
fn filled(from: &mut impl Read, buffer: &mut [u8]) -> std::io::Result<bool> {
    match from.read_exact(buffer) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROWS: u8 = 23;

    fn bytes(events: &[(u8, Vec<u8>)]) -> (Vec<u8>, Vec<u64>) {
        let (mut all, mut ends) = (MAGIC.to_vec(), Vec::new());
        for (kind, body) in events {
            let mut head = [0; HEAD_BYTES];
            head[TYPE_AT] = *kind;
            let length = u32::try_from(HEAD_BYTES + body.len()).unwrap();
            head[LENGTH_AT..LENGTH_AT + 4].copy_from_slice(&length.to_le_bytes());
            all.extend(head);
            all.extend(body);
            ends.push(all.len() as u64);
        }
        (all, ends)
    }

    fn gtid(standalone: bool) -> (u8, Vec<u8>) {
        let mut body = vec![0; 19];
        body[GTID_FLAGS_AT] = u8::from(standalone);
        (GTID, body)
    }

    fn query(text: &str) -> (u8, Vec<u8>) {
        let mut body = vec![0; QUERY_HEAD_BYTES];
        (body[8], body[11]) = (7, 5);
        body.extend([9; 5]);
        body.extend(b"openmrs\0");
        body.extend(text.as_bytes());
        body.extend([1, 2, 3, 4]);
        (QUERY, body)
    }

    fn begun() -> Vec<(u8, Vec<u8>)> {
        vec![(FORMAT_DESCRIPTION, vec![0; 80]), (GTID_LIST, vec![0; 10])]
    }

    #[test]
    fn a_transaction_counts_when_its_end_is_there() {
        let mut events = begun();
        events.extend([gtid(false), (ROWS, vec![0; 3000]), (XID, vec![0; 12])]);
        events.extend([gtid(false), (ROWS, vec![0; 30]), query("COMMIT")]);
        events.extend([gtid(true), query("CREATE TABLE x (i INT)")]);
        events.extend([gtid(false), query("SAVEPOINT a"), (ROWS, vec![0; 9])]);
        let (all, ends) = bytes(&events);
        let wholes = [
            (12, 9),
            (10, 9),
            (9, 9),
            (8, 7),
            (7, 7),
            (6, 4),
            (4, 4),
            (3, 1),
            (2, 1),
        ];
        for (cut, whole) in wholes {
            let cut = usize::try_from(ends[cut]).unwrap();
            assert_eq!(walk(&all[..cut]).unwrap(), Some(ends[whole]), "{cut}");
        }
    }

    #[test]
    fn the_servers_own_notes_between_groups_count() {
        let mut events = begun();
        events.extend([
            gtid(false),
            (XID, vec![0; 12]),
            (CHECKPOINT, vec![0; 20]),
            (STOP, vec![]),
        ]);
        let (all, ends) = bytes(&events);
        assert_eq!(walk(all.as_slice()).unwrap(), ends.last().copied());
        assert_eq!(walk(&b"something else"[..]).unwrap(), None);
    }

    proptest! {
        #[test]
        fn a_cut_at_any_byte_gives_the_end_of_a_whole_group(groups in 1..6usize, cut in any::<prop::sample::Index>()) {
            let mut events = begun();
            let mut ends_at = vec![1];
            for _ in 0..groups {
                events.extend([gtid(false), (ROWS, vec![7; 40]), (XID, vec![0; 12])]);
                ends_at.push(events.len() - 1);
            }
            let (all, ends) = bytes(&events);
            let first = usize::try_from(ends[1]).unwrap();
            let cut = first + cut.index(all.len() - first + 1).min(all.len() - first);
            let whole = ends_at.iter().map(|at| ends[*at]).rfind(|end| *end <= cut as u64);
            prop_assert_eq!(walk(&all[..cut]).unwrap(), whole);
        }

        #[test]
        fn no_bytes_break_the_walk(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let mut all = MAGIC.to_vec();
            all.extend(&bytes);
            if let Some(end) = walk(all.as_slice()).unwrap() {
                prop_assert!(end <= all.len() as u64);
            }
        }
    }
}
