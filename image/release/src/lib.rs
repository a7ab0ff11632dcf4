//! What several crates must agree on, defined once: builder, initrd, installer and daemon all use these types.

pub mod env_block;
pub mod identity;
pub mod kernel_line;
pub mod layout;
pub mod manifest;
pub mod slot;
pub mod slot_disk;
pub mod slot_env;
pub mod state_partition;
pub mod table;
pub mod verity;
