//! What a plan is made from: the snapshot, the present database, this box. Changes nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::error::RestoreError;
use super::plan::{Newer, Observation, Present};
use crate::database::client::{Client, SqlError};
use crate::database::counts::{self, CLINICAL};
use crate::database::import::space;
use crate::database::server::{self, DATABASE};
use crate::events::Store;
use crate::facility;
use crate::places::Places;
use crate::release;
use crate::snapshot::moment;
use crate::snapshot::proof;
use crate::snapshot::shelf::Snapshot;
use crate::snapshot::take::facts;
use crate::supervise::starts::{Kind, Starts};

/// A technician waits for the plan: a database that hangs counts as one that does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);
/// Changed rows are found by reading a whole table, on an old disk for minutes.
const CHANGED_LIMIT_S: u32 = 20;
/// ER_STATEMENT_TIMEOUT.
const STATEMENT_TIMEOUT: u16 = 1969;
/// Columns that tell of a change, as OpenMRS's core has them.
const CHANGES: [&str; 3] = ["date_changed", "date_voided", "date_retired"];
/// Events looked through for the restore before.
const EVENTS: u32 = 2000;
/// The field of `restore-done` with what [`Observation::earlier_work`] is learned from.
pub const WORK_FIELD: &str = "work_s";

/// Looks at everything. `newest`: the newest snapshot there is; `unix_s`, `since_boot`: the clocks.
///
/// # Errors
/// [`RestoreError::Release`] when nobody can tell which release this is.
pub async fn observe(
    places: &Places,
    snapshot: &Snapshot,
    newest: Option<&Snapshot>,
    unix_s: u64,
    since_boot: Duration,
) -> Result<Observation, RestoreError> {
    let identity = release::identity(places)?;
    let before = newest.map(|newest| &newest.manifest.moment);
    // A proof of another number was copied here by somebody: it proves nothing.
    let proof = proof::last(&snapshot.proofs)
        .filter(|proof| proof.id == snapshot.id())
        .cloned();
    let highest = proof
        .as_ref()
        .map(|proof| &proof.highest)
        .filter(|highest| !highest.is_empty())
        .unwrap_or(&snapshot.manifest.highest);
    let (facility, _) = facility::in_force(places);
    let cut = local_time(&snapshot.manifest.moment, &facility.time_zone);
    Ok(Observation {
        manifest: snapshot.manifest.clone(),
        missing: missing(&snapshot.directory),
        release: identity.release,
        release_built: identity.built,
        mariadb: facts::version_of_the_program().ok(),
        present: present(places, highest, cut.as_deref()).await.ok(),
        now: moment::now(places, before, unix_s, since_boot),
        free_bytes: space::free_bytes(&places.data()),
        expected_start: Starts::read(places).expected(Kind::Normal),
        earlier_work: earlier_work(places),
        proof,
    })
}

/// What a whole snapshot has and this directory has not.
fn missing(directory: &Path) -> Option<String> {
    if let Err(missing) = server::looks_like_data(&directory.join("database")) {
        return Some(format!("database/{missing} is missing"));
    }
    // A link would lead root elsewhere.
    let is_directory = |name: &str| {
        std::fs::symlink_metadata(directory.join(name)).is_ok_and(|found| found.is_dir())
    };
    ["database", "openmrs"]
        .into_iter()
        .find(|name| !is_directory(name))
        .map(|name| format!("{name} is missing"))
}

/// When the snapshot was cut, as OpenMRS writes times into the database; `None` where its clock was not believed.
fn local_time(moment: &crate::snapshot::manifest::Moment, zone: &str) -> Option<String> {
    if !moment.clock_plausible {
        return None;
    }
    let zone = jiff::tz::TimeZone::get(zone).ok()?;
    let seconds = i64::try_from(moment.unix_s).ok()?;
    let time = jiff::Timestamp::from_second(seconds).ok()?.to_zoned(zone);
    Some(time.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

async fn present(
    places: &Places,
    snapshot: &BTreeMap<String, u64>,
    cut: Option<&str>,
) -> Result<Present, SqlError> {
    let mut client = Client::connect(&places.database_socket(), ANSWER_LIMIT).await?;
    let schema = facts::schema(&mut client).await.ok().flatten();
    let highest = counts::highest(&mut client, DATABASE).await?;
    let newer = if snapshot.is_empty() {
        None
    } else {
        Some(newer(&mut client, &highest, snapshot, cut).await?)
    };
    Ok(Present {
        schema,
        highest,
        newer,
    })
}

/// What each clinical table of the present database has that the snapshot has not. `cut`: the snapshot's local time.
async fn newer(
    client: &mut Client,
    present: &BTreeMap<String, u64>,
    snapshot: &BTreeMap<String, u64>,
    cut: Option<&str>,
) -> Result<Vec<Newer>, SqlError> {
    let columns: Vec<(String, String)> = client
        .rows(&format!(
            "SELECT table_name, column_name FROM information_schema.columns
             WHERE table_schema = '{DATABASE}' AND column_name IN ('{}')",
            CHANGES.join("','")
        ))
        .await?;
    let mut all = Vec::new();
    for table in CLINICAL
        .iter()
        .filter(|table| present.contains_key(table.name))
    {
        // A table that the snapshot's release did not have: all of it is newer.
        let since = snapshot.get(table.name).copied().unwrap_or(0);
        let (name, key) = (
            counts::qualified(DATABASE, table.name),
            counts::quoted(table.key),
        );
        let new: Vec<u64> = client
            .rows(&format!(
                "SELECT COUNT(*) FROM {name} WHERE {key} > {since}"
            ))
            .await?;
        let conditions: Vec<String> = columns
            .iter()
            .filter(|(of, _)| of == table.name)
            .filter_map(|(_, column)| {
                cut.map(|cut| format!("{} > '{cut}'", counts::quoted(column)))
            })
            .collect();
        let changed = match (cut, conditions.is_empty()) {
            (None, _) => None,
            (Some(_), true) => Some(0),
            (Some(_), false) => {
                let query = format!(
                    "SET STATEMENT max_statement_time={CHANGED_LIMIT_S} FOR
                     SELECT COUNT(*) FROM {name} WHERE {key} <= {since} AND ({})",
                    conditions.join(" OR ")
                );
                in_time(client.rows::<u64>(&query).await)?
            }
        };
        all.push(Newer {
            table: table.name.to_string(),
            new: new.first().copied().unwrap_or(0),
            changed,
        });
    }
    Ok(all)
}

/// The count; `None` where the server broke it off.
fn in_time(answer: Result<Vec<u64>, SqlError>) -> Result<Option<u64>, SqlError> {
    match answer {
        Ok(rows) => Ok(Some(rows.first().copied().unwrap_or(0))),
        Err(error) if error.code() == Some(STATEMENT_TIMEOUT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// As the restore before took, from the shut door to OpenMRS's start.
fn earlier_work(places: &Places) -> Option<Duration> {
    if !places.events().exists() {
        return None;
    }
    let events = Store::open(&places.events()).ok()?.latest(EVENTS).ok()?;
    let done = events
        .iter()
        .find(|recorded| recorded.event.name() == "restore-done")?;
    match done.event.fields().get(WORK_FIELD)? {
        crate::events::Field::Number(seconds) => Some(Duration::from_secs(*seconds)),
        crate::events::Field::Text(_) => None,
    }
}
