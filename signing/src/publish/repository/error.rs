//! Why a repository is not read or published to.

use std::path::PathBuf;

use crate::durable::FileError;
use crate::publish::document::DocumentError;
use crate::publish::keys::SigningError;
use crate::publish::release::ReleaseError;
use crate::update::UpdateError;

/// Why a repository could not be read or published to.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// What is there is not what its own clients would take.
    #[error("the repository {folder} is not in order: {why}")]
    Present {
        /// Which.
        folder: PathBuf,
        /// What is wrong.
        why: Box<UpdateError>,
    },
    /// What would be there.
    #[error("clients would refuse what was about to be published: {0}; nothing was published")]
    Next(Box<UpdateError>),
    /// Half a repository.
    #[error(
        "{0} has metadata and no timestamp.json: something was lost, it is not taken for an empty one"
    )]
    NoTimestamp(PathBuf),
    /// Somebody else is at it.
    #[error("{0} is being published to by another program")]
    Busy(PathBuf),
    /// Delegations that this tool does not make.
    #[error(
        "the targets delegate to other roles; this tool does not make delegations and would drop them"
    )]
    Delegations,
    /// Nothing of that name.
    #[error("{0}: no such release in the repository")]
    NoSuchRelease(String),
    /// No patch between the two.
    #[error("the repository has no patch from {from} to {release}: `posto-sign publish` adds it")]
    NoSuchPatch {
        /// What it should make.
        release: String,
        /// What it should begin with.
        from: String,
    },
    /// The same name, other content.
    #[error(
        "{0} is published already with other content; a release is never exchanged: give it another name"
    )]
    Exchanged(String),
    /// The root that keys belong to.
    #[error("the root names no {0}")]
    Role(&'static str),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The metadata.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// The signatures.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The release.
    #[error(transparent)]
    Release(#[from] ReleaseError),
}
