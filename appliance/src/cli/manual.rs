//! `posto completions SHELL` and, for the image, `posto man FOLDER`: made from the command line itself.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Context;
use clap::ValueEnum;

/// Shells that complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Shell {
    /// GNU Bash
    Bash,
    /// fish
    Fish,
    /// Zsh
    Zsh,
}

/// Prints the shell's completions.
///
/// # Errors
/// When nobody reads.
pub(super) fn completions(shell: Shell, command: &mut clap::Command) -> anyhow::Result<ExitCode> {
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Fish => clap_complete::Shell::Fish,
        Shell::Zsh => clap_complete::Shell::Zsh,
    };
    // In memory first: clap_complete panics when nobody reads to the end.
    let mut text = Vec::new();
    clap_complete::generate(generator, command, "posto", &mut text);
    std::io::Write::write_all(&mut std::io::stdout(), &text)?;
    Ok(ExitCode::SUCCESS)
}

/// Leaves one manual page a command in `folder`.
///
/// # Errors
/// When the folder cannot be written.
pub(super) fn pages(folder: &Path, command: clap::Command) -> anyhow::Result<ExitCode> {
    clap_mangen::generate_to(command, folder)
        .with_context(|| format!("could not write manual pages to {}", folder.display()))?;
    Ok(ExitCode::SUCCESS)
}
