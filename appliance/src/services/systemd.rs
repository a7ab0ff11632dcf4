//! The box's own servers, by systemd.

use std::time::Duration;

use super::{DatabaseEnd, Services, ServicesError};
use crate::database::client::Client;
use crate::database::server::{self, DATABASE, OPENMRS_UNIT, START_LIMIT, STOP_LIMIT, UNIT};
use crate::places::Places;
use crate::system::clock;
use crate::system::units::{UnitError, Units};

/// The daemon looks every 2 s while all is well; without it the work goes on all the same.
const DOOR_LIMIT: Duration = Duration::from_secs(15);
const DOOR_POLL: Duration = Duration::from_millis(100);
/// Longer than the unit's own TimeoutStopSec, so that systemd decides.
const OPENMRS_STOP_LIMIT: Duration = Duration::from_secs(120);
/// openmrs-prepare waits for SQL and lays modules out before Java is started; the migration comes after.
const OPENMRS_START_LIMIT: Duration = Duration::from_secs(1200);
const QUESTION_LIMIT: Duration = Duration::from_secs(60);

/// The units of OpenMRS and of the database.
#[derive(Debug)]
pub struct Systemd {
    units: Units,
    places: Places,
}

impl Systemd {
    /// Connects to systemd.
    ///
    /// # Errors
    /// [`UnitError::Bus`].
    pub async fn connect(places: &Places) -> Result<Self, UnitError> {
        Ok(Self {
            units: Units::connect().await?,
            places: places.clone(),
        })
    }

    /// People should meet the waiting page, not half an answer of a server that is going down.
    async fn door_shut(&self) {
        let begun = clock::since_boot();
        while self.places.door_open().exists()
            && clock::since_boot().saturating_sub(begun) < DOOR_LIMIT
        {
            tokio::time::sleep(DOOR_POLL).await;
        }
    }
}

impl Services for Systemd {
    async fn stop(&self) -> Result<DatabaseEnd, ServicesError> {
        self.door_shut().await;
        self.units.stop(OPENMRS_UNIT, OPENMRS_STOP_LIMIT).await?;
        let ran = self.units.life(UNIT).await?.is_active();
        self.units.stop(UNIT, STOP_LIMIT).await?;
        // Killed after TimeoutStopSec, the job is "done" as well; the unit's result tells.
        let clean = ran && self.units.life(UNIT).await?.result == "success";
        Ok(if clean {
            DatabaseEnd::Clean
        } else {
            DatabaseEnd::Unclean
        })
    }

    async fn start_database(&self) -> Result<(), ServicesError> {
        let begun = clock::since_boot();
        match self.units.start(UNIT, START_LIMIT).await {
            // The data are of a stop that was cut; the unit has seen to it, and its next start is a good one.
            Err(UnitError::Job { .. }) if server::was_mended_after(&self.places, begun) => {
                self.units.start(UNIT, START_LIMIT).await?;
            }
            other => other?,
        }
        let mut client = Client::connect(&self.places.database_socket(), QUESTION_LIMIT).await?;
        // The schema is there, whichever of the two databases it is.
        Ok(client.run(&format!("USE {DATABASE}")).await?)
    }

    async fn start_openmrs(&self) -> Result<(), ServicesError> {
        Ok(self.units.start(OPENMRS_UNIT, OPENMRS_START_LIMIT).await?)
    }
}
