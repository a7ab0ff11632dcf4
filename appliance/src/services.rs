//! The clinic's two servers, as work that exchanges their data stops and starts them.

mod systemd;

pub use systemd::Systemd;

use std::future::Future;

use crate::database::client::SqlError;
use crate::system::units::UnitError;

/// Why a server did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum ServicesError {
    /// systemd.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// The database came up, but does not answer, or OpenMRS's schema is not in it.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The server's own reason.
    #[error("{0}")]
    Server(String),
}

/// How the database was when it was down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseEnd {
    /// It ended by itself in order: everything is in its files, nothing is left to recover.
    Clean,
    /// It was down already, died or was killed: its next start recovers.
    Unclean,
}

/// OpenMRS and the database. The box's own are [`Systemd`]'s; tests stand in for them.
pub trait Services {
    /// Stops OpenMRS, then the database.
    fn stop(&self) -> impl Future<Output = Result<DatabaseEnd, ServicesError>>;
    /// Starts the database and waits until it answers with OpenMRS's schema in it.
    fn start_database(&self) -> impl Future<Output = Result<(), ServicesError>>;
    /// Starts OpenMRS; does not wait for its migration.
    fn start_openmrs(&self) -> impl Future<Output = Result<(), ServicesError>>;
}
