//! What takes the megabytes.

use std::path::Path;

use anyhow::Result;

/// `posto-image sizes`.
///
/// # Errors
/// When the release has no size report.
pub fn show(_release: &Path, _json: bool) -> Result<()> {
    Ok(())
}
