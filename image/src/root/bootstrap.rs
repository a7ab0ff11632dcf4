//! mmdebstrap: from a flat repository to a root. The host's mmdebstrap makes the tools root, the tools root's makes the image's.

use std::path::Path;

use crate::debian::list::PackageList;
use crate::debian::lock::Locked;
use crate::place::{self, PlaceError};
use crate::process::{ProcessError, Program};
use crate::tools::{Shown, ToolError, ToolsRoot};

/// A root could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The host's mmdebstrap failed.
    #[error("mmdebstrap could not make the tools root: {0}")]
    Host(#[from] ProcessError),
    /// The tools root's mmdebstrap failed.
    #[error("mmdebstrap could not make the image's root: {0}")]
    Tools(#[from] ToolError),
}

/// Options that hold for both roots.
const DPKG_OPTIONS: [&str; 13] = [
    // Folders under man/ stay: openjdk's installation script links into them.
    "path-exclude=/usr/share/man/?*/?*",
    "path-exclude=/usr/share/doc/?*/?*",
    // Licences travel with what they cover.
    "path-include=/usr/share/doc/?*/copyright",
    "path-exclude=/usr/share/info/?*",
    "path-exclude=/usr/share/lintian/?*",
    "path-exclude=/usr/share/linda/?*",
    "path-exclude=/usr/share/locale/?*",
    "path-include=/usr/share/locale/locale.alias",
    "path-include=/usr/share/locale/pt/?*",
    "path-include=/usr/share/locale/pt_BR/?*",
    "path-include=/usr/share/locale/en*",
    "force-unsafe-io",
    "no-pager",
];

fn includes<'a>(packages: impl Iterator<Item = &'a Locked>) -> String {
    let names: Vec<String> = packages
        .map(|p| format!("{}={}", p.name, p.version))
        .collect();
    names.join(",")
}

fn mmdebstrap(include: &str) -> Vec<String> {
    let mut argv: Vec<String> = [
        "mmdebstrap",
        "--mode=root",
        "--variant=essential",
        "--architectures=amd64",
        "--format=directory",
    ]
    .map(str::to_owned)
    .to_vec();
    argv.push(format!("--include={include}"));
    for option in DPKG_OPTIONS {
        argv.push(format!("--dpkgopt={option}"));
    }
    for option in [
        "APT::Install-Recommends \"false\"",
        "Acquire::Languages \"none\"",
        "APT::Sandbox::User \"root\"",
    ] {
        argv.push(format!("--aptopt={option}"));
    }
    argv
}

/// Makes the tools root at `target` with the host's mmdebstrap.
///
/// # Errors
/// When mmdebstrap fails.
pub fn tools_root<'a>(
    target: &Path,
    repository: &Path,
    packages: impl Iterator<Item = &'a Locked>,
    epoch: u64,
    line: impl FnMut(&str) + Send,
) -> Result<ToolsRoot, BootstrapError> {
    let argv = mmdebstrap(&includes(packages));
    let mut argv = argv.iter().map(String::as_str);
    Program::new(argv.next().unwrap_or_default())
        .args(argv)
        // No suite: a flat repository has none, and mmdebstrap would look for essential packages in it.
        .arg("")
        .arg(target)
        .arg(format!(
            "deb [trusted=yes] copy:{} ./",
            repository.display()
        ))
        .clean_env()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .env("SOURCE_DATE_EPOCH", epoch.to_string())
        .run_watched(line)?;
    for folder in ["build", "pool", "proc", "sys", "dev"] {
        place::folder(&target.join(folder))?;
    }
    Ok(ToolsRoot::at(target, epoch)?)
}

/// Makes the image's bare root at `work/root` with the tools root's mmdebstrap; accounts are there before any package but the
/// essential ones is unpacked.
///
/// # Errors
/// When mmdebstrap fails.
pub fn image_root<'a>(
    tools: &ToolsRoot,
    work: &Path,
    repository: &Path,
    list: &PackageList,
    packages: impl Iterator<Item = &'a Locked>,
    line: impl FnMut(&str) + Send,
) -> Result<(), BootstrapError> {
    for (name, text) in list.account_lines() {
        place::whole(&work.join("accounts").join(name), text.as_bytes())?;
    }
    let mut include = includes(packages);
    for package in &list.absent {
        include.push_str(&format!(",{}={}", package.name, package.version));
    }
    let mut argv = mmdebstrap(&include);
    // Before the packages, so that systemd-sysusers and adduser find the accounts and do not number them.
    argv.push(
        "--essential-hook=for f in passwd group shadow gshadow; do touch \"$1/etc/$f\"; cat \"/build/accounts/$f\" >> \"$1/etc/$f\"; done"
            .to_owned(),
    );
    argv.push("--skip=check/qemu".to_owned());
    argv.extend(["", "/build/root", "deb [trusted=yes] copy:/pool ./"].map(str::to_owned));
    let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
    tools.run_shown(
        &argv,
        work,
        &[Shown {
            host: repository,
            at: "pool",
        }],
        line,
    )?;
    Ok(())
}
