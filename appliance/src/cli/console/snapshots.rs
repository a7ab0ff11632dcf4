//! The screen's part of restoring: which snapshots there are, what a restore would do, and the restore itself in a unit of its
//! own, since the screen's sandbox may change nothing of the clinic's.

use std::time::Duration;

use super::model::Row;
use crate::cli::restore::row_words;
use crate::facility;
use crate::places::Places;
use crate::snapshot::id::Id;
use crate::snapshot::{moment, shelf};
use crate::system::clock;
use crate::system::durable;
use crate::system::units::Units;
use crate::texts::{Language, say};

/// Longer than the unit's own TimeoutStartSec.
const LIMIT: Duration = Duration::from_secs(3700);
const SAID_LIMIT_BYTES: u64 = 64 * 1024;

/// Proven snapshots, the newest first.
pub(super) fn proven(places: &Places, language: Language) -> Vec<Row> {
    let all = shelf::list(places).unwrap_or_default();
    let newest = all.last().map(|newest| newest.manifest.moment.clone());
    let now = moment::now(
        places,
        newest.as_ref(),
        clock::unix_seconds(),
        clock::since_boot(),
    );
    let zone = facility::in_force(places).0.time_zone;
    all.iter()
        .rev()
        .filter(|snapshot| snapshot.is_proven())
        .map(|snapshot| Row {
            id: snapshot.id(),
            words: row_words(language, &zone, &snapshot.manifest, &now),
        })
        .collect()
}

/// What restoring it would do, in words; or why it would not be done.
pub(super) fn plan_of(places: &Places, id: Id, language: Language) -> Result<String, String> {
    let number = id.to_string();
    let argv = ["restore", "--dry-run", "--for-screen", number.as_str()];
    super::by_command(places, &argv, language)
}

/// Restores it and says how it ended. How far it is shows in the state, as for everybody.
pub(super) fn restore(places: &Places, id: Id, language: Language) -> String {
    // What came of an earlier one.
    let _ = durable::remove(&places.restore_said());
    let unit = format!("posto-restore@{id}.service");
    let ended = super::super::wait_for(async { Units::connect().await?.start(&unit, LIMIT).await });
    if let Some(words) = said(places, language) {
        return words;
    }
    match ended {
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
        Ok(Ok(())) => say(language, "screen-restore-unknown", &[]),
    }
}

/// What the unit left for the screen.
fn said(places: &Places, language: Language) -> Option<String> {
    let bytes = durable::read(&places.restore_said(), SAID_LIMIT_BYTES).ok()??;
    let said: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    let words = said.get(super::super::hands::code(language))?.as_str()?;
    Some(words.to_string())
}
