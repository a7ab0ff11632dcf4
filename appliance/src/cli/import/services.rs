//! The box's services by systemd, as an import needs them.

use std::time::Duration;

use crate::database::client::Client;
use crate::database::import::error::ImportError;
use crate::database::import::run::Services;
use crate::database::server::{DATABASE, OPENMRS_UNIT, START_LIMIT, STOP_LIMIT, UNIT};
use crate::places::Places;
use crate::system::units::Units;

/// Longer than the unit's own TimeoutStopSec, so that systemd decides.
const OPENMRS_STOP_LIMIT: Duration = Duration::from_secs(120);
/// openmrs-prepare waits for SQL and lays modules out before Java is started; the migration comes after.
const OPENMRS_START_LIMIT: Duration = Duration::from_secs(1200);
const QUESTION_LIMIT: Duration = Duration::from_secs(60);

pub(super) struct Systemd {
    units: Units,
    places: Places,
}

impl Systemd {
    pub(super) async fn connect(places: &Places) -> Result<Self, ImportError> {
        Ok(Self {
            units: Units::connect().await?,
            places: places.clone(),
        })
    }
}

impl Services for Systemd {
    async fn stop(&self) -> Result<(), ImportError> {
        self.units.stop(OPENMRS_UNIT, OPENMRS_STOP_LIMIT).await?;
        Ok(self.units.stop(UNIT, STOP_LIMIT).await?)
    }

    async fn start_database(&self) -> Result<(), ImportError> {
        self.units.start(UNIT, START_LIMIT).await?;
        let mut client = Client::connect(&self.places.database_socket(), QUESTION_LIMIT).await?;
        // The schema is there, whichever of the two databases it is.
        Ok(client.run(&format!("USE {DATABASE}")).await?)
    }

    async fn start_openmrs(&self) -> Result<(), ImportError> {
        Ok(self.units.start(OPENMRS_UNIT, OPENMRS_START_LIMIT).await?)
    }
}
