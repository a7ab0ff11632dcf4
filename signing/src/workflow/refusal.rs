//! Why something is not trusted.

use crate::envelope::Malformed;
use crate::hashes::Mismatch;
use crate::role::RoleName;

/// Why something is not trusted. What was trusted before still is.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not metadata.
    #[error("{role}: {why}")]
    Malformed {
        /// Whose file.
        role: RoleName,
        /// What is wrong with it.
        why: Malformed,
    },
    /// Longer than asked for.
    #[error("{role}: the file is longer than the {max_bytes} bytes that were asked for")]
    TooLong {
        /// Whose file.
        role: RoleName,
        /// The bound.
        max_bytes: u64,
    },
    /// Signed by too few of those who may sign.
    #[error("{role}: signed by {signers} of the keys that may, {threshold} are needed")]
    Threshold {
        /// Whose file.
        role: RoleName,
        /// Different keys with a good signature.
        signers: u64,
        /// How many are needed.
        threshold: u64,
    },
    /// Older than what was seen before.
    #[error(
        "{role}: version {found} is offered where {seen} was seen before: an older state is never taken"
    )]
    Rollback {
        /// Of what.
        role: RoleName,
        /// The version offered.
        found: u64,
        /// The version seen.
        seen: u64,
    },
    /// Not the version that was announced.
    #[error("{role}: version {found} where {wanted} was announced")]
    Version {
        /// Whose file.
        role: RoleName,
        /// What it says.
        found: u64,
        /// What was announced.
        wanted: u64,
    },
    /// Not the file that was announced.
    #[error("{role}: not the file that was announced: {why}")]
    Mismatch {
        /// Whose file.
        role: RoleName,
        /// What differs.
        why: Mismatch,
    },
    /// A role that an earlier snapshot had is gone.
    #[error("{0}: an earlier snapshot names it, this one does not")]
    Removed(RoleName),
    /// Its time is over.
    #[error("{role}: expired at {expires_s} (unix seconds); the best known time is {now_s}")]
    Expired {
        /// Whose file.
        role: RoleName,
        /// When.
        expires_s: i64,
        /// The time of this update.
        now_s: i64,
    },
    /// The repository has no such file.
    #[error("{0}: the repository does not have it")]
    Absent(RoleName),
    /// Delegated to, and in no snapshot.
    #[error("{0}: no snapshot names it")]
    Unlisted(RoleName),
    /// More delegations than are followed.
    #[error("more than {0} delegated roles may speak of the target: the search was ended")]
    Delegations(usize),
    /// Asked out of turn: a mistake of the caller.
    #[error("an answer without a question")]
    OutOfTurn,
}
