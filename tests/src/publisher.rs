//! The publisher of the releases under test: `./check` made its keys and built its root into the images.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::command::command;

/// Names the publisher's folder: `ceremony/` and `passphrase`.
const FOLDER: &str = "POSTO_PUBLISHER";
/// Names the program `posto-sign`.
const PROGRAM: &str = "POSTO_SIGN";

/// The publisher, with a repository of the test's own.
#[derive(Debug)]
pub struct Publisher {
    folder: PathBuf,
    program: PathBuf,
    repository: PathBuf,
}

impl Publisher {
    /// Publishes into `repository`.
    ///
    /// # Errors
    /// When `./check` named none.
    pub fn new(repository: &Path) -> Result<Self> {
        let named = |name| {
            let value = std::env::var_os(name);
            value
                .map(PathBuf::from)
                .with_context(|| format!("{name} is not set: run ./check"))
        };
        Ok(Self {
            folder: named(FOLDER)?,
            program: named(PROGRAM)?,
            repository: repository.to_path_buf(),
        })
    }

    /// Its repository.
    #[must_use]
    pub fn repository(&self) -> &Path {
        &self.repository
    }

    /// Publishes a release directory, with patches from the directories `from`.
    ///
    /// # Errors
    /// When `posto-sign` refuses.
    pub fn publish(&self, release: &Path, from: &[&Path]) -> Result<()> {
        let mut command = self.sign("publish");
        command.arg(release).arg("--ceremony");
        command.arg(self.folder.join("ceremony"));
        command.arg("--repo").arg(&self.repository);
        for older in from {
            command.arg("--from").arg(older);
        }
        done(command)
    }

    /// Puts the newest release on a stick that is mounted at `stick`, with the patch from `from` only and the whole one.
    ///
    /// # Errors
    /// When `posto-sign` refuses.
    pub fn stage(&self, stick: &Path, from: &str) -> Result<()> {
        let mut command = self.sign("stage");
        command.arg("--repo").arg(&self.repository);
        command.arg("--to").arg(stick).args(["--from", from]);
        done(command)
    }

    fn sign(&self, verb: &str) -> Command {
        let mut sign = command(&self.program);
        sign.arg(verb)
            .env("POSTO_SIGN_PASSPHRASE_FILE", self.folder.join("passphrase"));
        sign
    }
}

fn done(mut command: Command) -> Result<()> {
    let output = command.output()?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
