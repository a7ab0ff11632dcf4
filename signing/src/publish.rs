//! The publisher: keys, ceremonies of the root, and a repository of static files.

pub mod ceremony;
pub mod document;
pub mod key_file;
pub mod keys;
pub mod passphrase;
pub mod patch;
pub mod patch_plan;
pub mod release;
pub mod repository;
pub mod signer;
pub mod stick;
#[cfg(feature = "token")]
pub mod token;
