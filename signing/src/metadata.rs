//! The four kinds of metadata (specification 4.3 to 4.6), read and checked for form. Nothing here is verified.

use serde::Deserialize;
use serde_json::Value;

use crate::envelope::{Envelope, Malformed};
use crate::time;

mod delegations;
mod root;
mod snapshot;
mod targets;

pub use delegations::{Delegation, Delegations};
pub use root::Root;
pub use snapshot::{ISSUED, MetaFile, Snapshot, Timestamp};
pub use targets::{TargetFile, Targets};

/// What all kinds have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// At least 1.
    pub version: u64,
    /// Unix seconds.
    pub expires_s: i64,
}

/// One kind of metadata.
pub trait Metadata: Sized {
    /// Its `_type`.
    const TYPE: &'static str;

    /// Reads what is particular to the kind.
    ///
    /// # Errors
    /// When it is not of the form.
    fn read_signed(common: Common, signed: &Value) -> Result<Self, Malformed>;

    /// Version and expiry.
    fn common(&self) -> &Common;

    /// Reads what is signed in the file.
    ///
    /// # Errors
    /// When it is of another kind or not of the form.
    fn read(envelope: &Envelope) -> Result<Self, Malformed> {
        let wire = WireCommon::deserialize(&envelope.signed)?;
        if wire.kind != Self::TYPE {
            return Err(Malformed::Type {
                wanted: Self::TYPE,
                found: wire.kind,
            });
        }
        if wire.spec_version.split('.').next() != Some("1") {
            return Err(Malformed::Specification(wire.spec_version));
        }
        if wire.version == 0 {
            return Err(Malformed::Version);
        }
        let expires_s = time::read(&wire.expires).ok_or(Malformed::Expires(wire.expires))?;
        Self::read_signed(
            Common {
                version: wire.version,
                expires_s,
            },
            &envelope.signed,
        )
    }
}

#[derive(Deserialize)]
struct WireCommon {
    #[serde(rename = "_type")]
    kind: String,
    spec_version: String,
    version: u64,
    expires: String,
}
