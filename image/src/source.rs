//! The project's sources that the builder reads: lists, locks, overlay.

use std::path::{Path, PathBuf};

/// The folder that holds `image/packages.toml`.
#[derive(Debug, Clone)]
pub struct Source {
    top: PathBuf,
}

/// The sources were not found.
#[derive(Debug, thiserror::Error)]
#[error(
    "the project's sources (image/packages.toml) are not in {0} or above; run it from the clone, or say --source DIR"
)]
pub struct NoSource(String);

impl Source {
    /// The given folder, or the first of `starts` (and what is above them) that holds the sources.
    ///
    /// # Errors
    /// When none does.
    pub fn find(given: Option<&Path>, starts: &[PathBuf]) -> Result<Self, NoSource> {
        let holds = |dir: &Path| dir.join("image/packages.toml").is_file();
        let found = match given {
            Some(dir) => holds(dir).then(|| dir.to_path_buf()),
            None => starts
                .iter()
                .flat_map(|start| start.ancestors())
                .find(|dir| holds(dir))
                .map(Path::to_path_buf),
        };
        let looked = || {
            given
                .or(starts.first().map(PathBuf::as_path))
                .map(|p| p.display().to_string())
                .unwrap_or_default()
        };
        Ok(Self {
            top: found.ok_or_else(|| NoSource(looked()))?,
        })
    }

    /// A path below the sources.
    pub fn path(&self, name: &str) -> PathBuf {
        self.top.join(name)
    }
}
