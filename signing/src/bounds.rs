//! How much of anything is read, kept or followed. The figures are python-tuf's, so that what other publishers make fits.

/// All bounds of the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most root versions taken in one update (specification 5.3.3).
    pub root_rotations: u32,
    /// Most delegated roles looked at for one target (specification 5.6.7.1).
    pub delegations: usize,
    /// Longest root file, bytes.
    pub root_bytes: u64,
    /// Longest timestamp file, bytes.
    pub timestamp_bytes: u64,
    /// Longest snapshot file, bytes; what the timestamp says, if it says less.
    pub snapshot_bytes: u64,
    /// Longest targets file, bytes; what the snapshot says, if it says less.
    pub targets_bytes: u64,
    /// Deepest nesting of a metadata file.
    pub json_depth: usize,
    /// Most signatures on one file: each costs a verification.
    pub signatures: usize,
    /// Most roles that the trusted state may hold.
    pub stored_roles: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            root_rotations: 256,
            delegations: 32,
            root_bytes: 512_000,
            timestamp_bytes: 16_384,
            snapshot_bytes: 2_000_000,
            targets_bytes: 5_000_000,
            json_depth: 32,
            signatures: 128,
            stored_roles: 256,
        }
    }
}
