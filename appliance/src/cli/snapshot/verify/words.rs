//! A proof in words.

use crate::snapshot::proof::{Proof, Verdict};
use crate::snapshot::prove::{self, ProveError};
use crate::texts::{Language, Value, say};

/// The verdict and what was seen.
pub(super) fn verdict(language: Language, proof: &Proof) -> String {
    let id = Value::Number(proof.id.number());
    let depth = Value::from(proof.depth.code());
    let seconds = Value::Number(proof.took_ms.div_ceil(1000));
    let mut lines = vec![match &proof.verdict {
        Verdict::Good => say(
            language,
            "proof-good",
            &[
                ("snapshot", id),
                ("depth", depth),
                ("tables", proof.tables.into()),
                ("seconds", seconds),
            ],
        ),
        Verdict::Bad { reason } => say(
            language,
            "proof-bad",
            &[
                ("snapshot", id),
                ("depth", depth),
                ("reason", reason.as_str().into()),
                ("log", prove::LOG.into()),
            ],
        ),
    }];
    if let Some(place) = &proof.binlog {
        let values = [
            ("file", place.file.as_str().into()),
            ("position", place.position.into()),
        ];
        lines.push(say(language, "proof-journal", &values));
    }
    for (table, rows) in &proof.rows {
        let values = [("table", table.as_str().into()), ("rows", (*rows).into())];
        lines.push(say(language, "proof-rows", &values));
    }
    for fall in &proof.fell {
        let values = [
            ("table", fall.table.as_str().into()),
            ("before", fall.before.into()),
            ("now", fall.now.into()),
        ];
        lines.push(say(language, "proof-fell", &values));
    }
    lines.join("\n")
}

/// Why there is no verdict.
pub(super) fn error(language: Language, error: &ProveError) -> String {
    let megabytes = |bytes: &u64| Value::Number(bytes.div_ceil(1_000_000));
    let (id, values): (&str, Vec<(&str, Value)>) = match error {
        ProveError::NoRoom {
            needed_bytes,
            free_bytes,
        } => (
            "proof-no-room",
            vec![
                ("needed", megabytes(needed_bytes)),
                ("free", megabytes(free_bytes)),
            ],
        ),
        ProveError::NoMemory {
            needed_bytes,
            available_bytes,
        } => (
            "proof-no-memory",
            vec![
                ("needed", megabytes(needed_bytes)),
                ("free", megabytes(available_bytes)),
            ],
        ),
        ProveError::NoProgram(path) => (
            "proof-no-program",
            vec![("program", path.display().to_string().into())],
        ),
        ProveError::Busy => ("proof-busy", Vec::new()),
        ProveError::Interrupted => ("proof-interrupted", Vec::new()),
        ProveError::Killed(how) => ("proof-killed", vec![("how", how.as_str().into())]),
        ProveError::Lack(words) => ("proof-lack", vec![("words", words.as_str().into())]),
        ProveError::TooSlow(limit) => ("proof-too-slow", vec![("seconds", limit.as_secs().into())]),
        ProveError::Unknown(id) => ("proof-unknown", vec![("snapshot", id.number().into())]),
        other => ("proof-not-done", vec![("words", other.to_string().into())]),
    };
    say(language, id, &values)
}
