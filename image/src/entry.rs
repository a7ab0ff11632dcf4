//! From arguments to commands; outside and inside of the sandbox.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Parser;

use crate::build;
use crate::cli::{Cli, Command, Common};
use crate::sandbox;

/// Runs the program; gives back its exit code.
///
/// # Errors
/// Whatever goes wrong, in words for the person who started it.
pub fn run(mut arguments: Vec<OsString>) -> Result<u8> {
    let inside = arguments
        .get(1)
        .is_some_and(|first| first == sandbox::INSIDE);
    if inside {
        arguments.remove(1);
    }
    let cli = Cli::parse_from(&arguments);
    let boxed = match &cli.command {
        Command::Build(args) if !args.dry_run => Some(&args.common),
        Command::Tools(common) => Some(common),
        Command::Build(_) | Command::Patch(_) | Command::Sizes { .. } => None,
    };
    if let (Some(common), false) = (boxed, inside) {
        if !rustix::process::geteuid().is_root() {
            bail!(
                "building makes file systems with their owners, which only root may: run it again with sudo"
            );
        }
        crate::needs::check(crate::needs::FOR_BUILD)?;
        let me = std::env::current_exe().context("cannot tell my own path")?;
        let work = cache_dir(common)?.join("work");
        return Ok(sandbox::run_inside(
            &me,
            arguments.get(1..).unwrap_or_default(),
            &work,
        )?);
    }
    match &cli.command {
        Command::Build(args) => build::build(args)?,
        Command::Tools(common) => build::tools(common)?,
        Command::Patch(args) => crate::patch::make(args)?,
        Command::Sizes { release, json } => crate::sizes::show(release, *json)?,
    }
    Ok(0)
}

/// The cache's folder, absolute: tools see it from other working directories.
///
/// # Errors
/// When there is neither `--cache` nor a home.
pub fn cache_dir(common: &Common) -> Result<PathBuf> {
    let dir = match &common.cache {
        Some(dir) => dir.clone(),
        None => match std::env::var_os("XDG_CACHE_HOME").filter(|dir| Path::new(dir).is_absolute())
        {
            Some(dir) => PathBuf::from(dir).join("posto"),
            None => {
                PathBuf::from(std::env::var_os("HOME").context("no HOME is set: say --cache DIR")?)
                    .join(".cache/posto")
            }
        },
    };
    std::path::absolute(&dir).with_context(|| format!("cannot use the cache {}", dir.display()))
}
