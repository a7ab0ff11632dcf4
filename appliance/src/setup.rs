//! facility.toml applied at boot: network, time zone, host name.

use std::path::Path;

use crate::alarms::{self, Alarm, Source};
use crate::facility;
use crate::places::Places;
use crate::power::ups;
use crate::ssh;
use crate::system::durable::{self, DurableError, Owner};

/// What could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A file.
    #[error("{0}")]
    File(#[from] DurableError),
    /// The link to the time zone.
    #[error("the time zone could not be set: {0}")]
    TimeZone(std::io::Error),
    /// The host name.
    #[error("the host name could not be set: {0}")]
    HostName(std::io::Error),
}

/// Applies the facility in force and gives the alarm if a file could not be used (it is raised, too).
///
/// # Errors
/// [`SetupError`]; what came before the failure is applied.
pub fn run(places: &Places) -> Result<Option<Alarm>, SetupError> {
    let (facility, alarm) = facility::in_force(places);
    durable::directory(&places.run(), Owner::mode(0o755))?;
    match &alarm {
        Some(alarm) => alarms::raise(places, Source::Setup, alarm)?,
        None => alarms::lower(places, Source::Setup)?,
    }
    if let Some(directory) = places.network().parent() {
        if let Some(above) = directory.parent() {
            durable::directory(above, Owner::mode(0o755))?;
        }
        durable::directory(directory, Owner::mode(0o755))?;
    }
    durable::write(
        &places.network(),
        facility.network.networkd().as_bytes(),
        Owner::mode(0o644),
    )?;
    ups::settings(places, facility.ups.as_ref())?;
    ssh::keys(places, &facility.ssh)?;
    // The link's target as seen from the running root, whatever root the tests use.
    let zone = Path::new("/usr/share/zoneinfo").join(&facility.time_zone);
    durable::remove(&places.localtime())?;
    std::os::unix::fs::symlink(zone, places.localtime()).map_err(SetupError::TimeZone)?;
    rustix::system::sethostname(facility.id.as_bytes())
        .map_err(|error| SetupError::HostName(error.into()))?;
    Ok(alarm)
}
