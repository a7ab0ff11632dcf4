//! Why a restore did not happen, or what failed after it.

use super::exchange::FinishError;
use super::mends::MendError;
use super::plan::Refusal;
use crate::database::client::SqlError;
use crate::maintenance::MaintenanceError;
use crate::release::RunningError;
use crate::services::ServicesError;
use crate::snapshot::id::Id;
use crate::snapshot::shelf::ShelfError;
use crate::system::durable::DurableError;
use crate::system::process::ProcessError;
use crate::system::reflink::ReflinkError;

/// Unless the variant says otherwise, everything is as it was.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Refused by the plan.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No such snapshot.
    #[error("there is no snapshot {0}; 'posto snapshot list' shows them")]
    Unknown(Id),
    /// Nothing was ever restored here, or what it replaced was thrown away.
    #[error("there is no state before a restore that could be brought back")]
    NothingToUndo,
    /// The snapshots.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// A restore before this one.
    #[error(transparent)]
    Unfinished(#[from] FinishError),
    /// Another maintenance.
    #[error(transparent)]
    Maintenance(#[from] MaintenanceError),
    /// The clone.
    #[error(transparent)]
    Clone(#[from] ReflinkError),
    /// A file or directory.
    #[error(transparent)]
    Durable(#[from] DurableError),
    /// The database.
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// A program.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// This release's identity.
    #[error(transparent)]
    Release(#[from] RunningError),
    /// The account's password.
    #[error(transparent)]
    Mend(#[from] MendError),
    /// systemd, before the exchange.
    #[error(transparent)]
    Services(#[from] ServicesError),
    /// A step did not come to its end.
    #[error("a step of the restore was broken off: {0}")]
    Task(String),
    /// Something that is no directory or file where one should be.
    #[error("{0} is not what belongs there (a link?); nothing was changed; call support")]
    Odd(std::path::PathBuf),
    /// Ctrl-C or a stop was asked for.
    #[error("stopped on request")]
    Interrupted,
    /// The restored database did not come up or answered wrongly; the state before is in place again.
    #[error(
        "snapshot {id} did not come up as it should: {reason}; the state before is in place again"
    )]
    WentBack {
        /// The snapshot.
        id: Id,
        /// What was wrong.
        reason: String,
    },
    /// The restored state is in place and whole, but something after that failed.
    #[error("the restored state is in place, but: {0}")]
    AfterExchange(String),
}

impl RestoreError {
    /// The process's exit code; also listed in the command's help.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) | Self::Unknown(_) | Self::NothingToUndo => 3,
            Self::WentBack { .. } => 4,
            Self::Maintenance(_) | Self::Shelf(ShelfError::Busy) => 8,
            Self::AfterExchange(_) => 9,
            Self::Interrupted => 130,
            _ => 1,
        }
    }
}
