//! A snapshot's copy, opened as anybody could without Posto.

use std::path::Path;

use anyhow::Result;

use crate::command::run;

/// The line of the handbook: every piece in its order, one archive.
const LINE: &str = "set -o pipefail; for p in \"$1\"/*.age; do age -d -i \"$2\" \"$p\" || exit; done | zstd -d | tar x -C \"$3\"";

/// Opens the copy in the folder `copy` with the age identity in the file `key` into the new folder `out`, with stock age, zstd and
/// tar.
///
/// # Errors
/// When one of them fails.
pub fn opened(copy: &Path, key: &Path, out: &Path) -> Result<()> {
    std::fs::create_dir(out)?;
    run(&[
        "bash".as_ref(),
        "-c".as_ref(),
        LINE.as_ref(),
        "bash".as_ref(),
        copy.as_os_str(),
        key.as_os_str(),
        out.as_os_str(),
    ])?;
    Ok(())
}
