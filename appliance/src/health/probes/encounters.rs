//! Whether the clinic's work reaches the database: the newest encounter's age, and how many were entered today.

use std::path::Path;
use std::time::Duration;

use crate::database::client::{Client, SqlError};

/// Connecting and answering.
const LIMIT: Duration = Duration::from_secs(5);
/// The newest so many are looked at, by the primary key: `date_created` has no index. A facility enters some hundreds a day.
const LOOKED_AT: u64 = 3000;

/// What the database says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encounters {
    /// Of the newest one, minutes; `None`: there is none, or it lies in the future.
    pub age_min: Option<u64>,
    /// Entered since midnight, at most 3,000.
    pub today: u64,
}

/// Asks, as root over the socket. `None`: no answer, or no such table.
pub async fn ask(socket: &Path) -> Option<Encounters> {
    tokio::time::timeout(LIMIT, try_ask(socket))
        .await
        .ok()?
        .ok()?
}

async fn try_ask(socket: &Path) -> Result<Option<Encounters>, SqlError> {
    let mut client = Client::connect(socket, LIMIT).await?;
    let query = format!(
        "SELECT TIMESTAMPDIFF(MINUTE, MAX(date_created), NOW()), COALESCE(SUM(date_created >= CURDATE()), 0) \
         FROM (SELECT date_created FROM openmrs.encounter ORDER BY encounter_id DESC LIMIT {LOOKED_AT}) AS newest"
    );
    let rows: Vec<(Option<i64>, u64)> = client.rows(&query).await?;
    Ok(rows.first().map(|(age, today)| Encounters {
        age_min: age.and_then(|minutes| u64::try_from(minutes).ok()),
        today: *today,
    }))
}
