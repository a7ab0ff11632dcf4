//! A box whose stand-in takes faults.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;

use crate::container::{DataFile, Limits};
use crate::installed::OpenBox;

/// A first installation on a busy machine.
pub const OPEN_BOUND: Duration = Duration::from_secs(900);

/// An installed box with an open door that takes faults; `switches` are more lines of the stand-in's `standin.properties`.
///
/// # Errors
/// When there is no release, or the door does not open.
pub fn open_box(name: &str, limits: Limits, switches: &[&str]) -> Result<OpenBox> {
    OpenBox::start(name, limits, OPEN_BOUND, |data| switch_on(data, switches))
}

fn switch_on(data: &DataFile, switches: &[&str]) -> Result<()> {
    data.change(|at| {
        let file = Path::new(at).join("live/openmrs/standin.properties");
        let lines = format!("standin.faults=on\n{}\n", switches.join("\n"));
        #[expect(clippy::disallowed_methods, reason = "read at the next start only")]
        std::fs::write(&file, lines)?;
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644))?;
        Ok(())
    })
}
