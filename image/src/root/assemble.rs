//! From the bare root to the release's root: overlay, programs, Tomcat, web application, distro, identity.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use super::keystore::{self, KeystoreError};
use crate::place::{self, PlaceError};
use crate::process::{ProcessError, Program};

/// Posto's own programs, each when it is there.
#[derive(Debug, Clone, Copy, Default)]
pub struct Programs<'a> {
    /// Daemon and command line.
    pub posto: Option<&'a Path>,
    /// Opens the door when the daemon cannot.
    pub door: Option<&'a Path>,
    /// Asks OpenMRS and the database.
    pub watch: Option<&'a Path>,
}

/// What is laid over the bare root.
#[derive(Debug)]
pub struct Layers<'a> {
    /// Files laid over as they are (`image/root`).
    pub overlay: &'a Path,
    /// Posto's own programs.
    pub programs: Programs<'a>,
    /// Tomcat, unpacked, when it is there.
    pub tomcat: Option<&'a Path>,
    /// The web application, unpacked, when there is one.
    pub webapp: Option<&'a Path>,
    /// Folder with `openmrs_modules/` and its sisters, when there is one.
    pub distribution: Option<&'a Path>,
    /// Text of `/usr/lib/posto/release.json`.
    pub identity: &'a [u8],
    /// The publisher's root, when there is one.
    pub trusted_root: Option<&'a [u8]>,
    /// Name of the release, for os-release.
    pub release: &'a str,
    /// Unix seconds.
    pub epoch: u64,
}

/// The root could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Java's certificates.
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    /// The daemon's program did not write its manual.
    #[error("the program posto did not say how it is used: {0}")]
    Manual(#[from] ProcessError),
}

/// Folders that the running system mounts over or fills, all empty in the image.
const MOUNT_POINTS: [&str; 12] = [
    "data", "dev", "proc", "sys", "run", "tmp", "mnt", "media", "var", "boot", "root", "home",
];
const BUNDLE_LIMIT_BYTES: u64 = 16 << 20;

/// Lays everything over `root`, a copy of the bare root.
///
/// # Errors
/// When a file cannot be read or written.
pub fn assemble(root: &Path, layers: &Layers<'_>) -> Result<(), AssembleError> {
    clear_what_differs(root)?;
    copy_tree(layers.overlay, root)?;
    let programs = layers.programs;
    for (name, program) in [
        ("posto-door", programs.door),
        ("posto-watch", programs.watch),
    ] {
        if let Some(program) = program {
            copy_file(program, &root.join("usr/lib/posto").join(name), 0o755)?;
        }
    }
    if let Some(posto) = programs.posto {
        copy_file(posto, &root.join("usr/bin/posto"), 0o755)?;
        manual(posto, root)?;
        link(
            "/usr/bin/posto",
            &root.join("usr/lib/systemd/system-generators/posto-generator"),
        )?;
    }
    for (from, to) in [
        (layers.tomcat, "usr/share/tomcat"),
        (layers.webapp, "usr/share/openmrs/webapps/openmrs"),
        (layers.distribution, "usr/share/openmrs/distribution"),
    ] {
        make_folder(&root.join(to))?;
        if let Some(from) = from {
            copy_tree(from, &root.join(to))?;
        }
    }
    place::gone(&root.join("usr/share/tomcat/webapps"))?;
    put(root, "usr/lib/posto/release.json", layers.identity)?;
    if let Some(trusted) = layers.trusted_root {
        put(root, "usr/lib/posto/trusted-root.json", trusted)?;
    }
    let bundle = root.join("etc/ssl/certs/ca-certificates.crt");
    if bundle.exists() {
        let store = keystore::from_pem(&place::text(&bundle, BUNDLE_LIMIT_BYTES)?, layers.epoch)?;
        put(root, "etc/ssl/certs/java/cacerts", &store)?;
    }
    os_release(root, layers.release)?;
    // Bound over by posto-init; written by posto from facility.toml; kept by systemd-resolved's absence.
    put(root, "etc/machine-id", b"")?;
    link("/run/posto/localtime", &root.join("etc/localtime"))?;
    link("/run/posto/resolv.conf", &root.join("etc/resolv.conf"))?;
    // systemd takes its modification time, which the image sets to the build's, as the clock's floor.
    put(root, "usr/lib/clock-epoch", b"")?;
    Ok(())
}

/// Manual pages and completions, from the program itself: they cannot tell of another release's options.
fn manual(posto: &Path, root: &Path) -> Result<(), AssembleError> {
    let pages = root.join("usr/share/man/man1");
    make_folder(&pages)?;
    Program::new(posto).arg("man").arg(&pages).run()?;
    for page in place::sorted(&pages)? {
        place::set_mode(&page, 0o644)?;
    }
    let bash = Program::new(posto).args(["completions", "bash"]).run()?;
    Ok(put(
        root,
        "usr/share/bash-completion/completions/posto",
        &bash,
    )?)
}

/// Removes what packages' scripts left that differs between builds or belongs to the running system.
fn clear_what_differs(root: &Path) -> Result<(), PlaceError> {
    for file in [
        "passwd-",
        "group-",
        "shadow-",
        "gshadow-",
        "subuid-",
        "subgid-",
        ".pwd.lock",
        "ld.so.cache~",
        "hostname",
    ] {
        place::gone(&root.join("etc").join(file))?;
    }
    for name in MOUNT_POINTS {
        let path = root.join(name);
        if name != "var" {
            place::gone(&path)?;
        }
        make_folder(&path)?;
    }
    place::set_mode(&root.join("tmp"), 0o1777)?;
    place::set_mode(&root.join("root"), 0o700)?;
    for name in ["var/lib", "var/log", "var/cache", "var/tmp", "var/spool"] {
        make_folder(&root.join(name))?;
    }
    place::set_mode(&root.join("var/tmp"), 0o1777)?;
    for (name, target) in [("var/run", "/run"), ("var/lock", "/run/lock")] {
        link(target, &root.join(name))?;
    }
    no_set_id(root)?;
    // Fontconfig's cache names files by their times, and ldconfig's auxiliary cache by inode numbers.
    place::gone(&root.join("var/cache/fontconfig"))?;
    place::gone(&root.join("var/cache/ldconfig"))
}

/// Takes set-user-id and set-group-id bits off every program: nobody logs in who would need to become root.
fn no_set_id(root: &Path) -> Result<(), PlaceError> {
    for path in place::sorted(&root.join("usr"))? {
        let meta = fs::symlink_metadata(&path).map_err(place::at("cannot read", &path))?;
        if meta.is_file() && meta.permissions().mode() & 0o6000 != 0 {
            place::set_mode(&path, meta.permissions().mode() & 0o1777)?;
        }
    }
    Ok(())
}

fn os_release(root: &Path, release: &str) -> Result<(), PlaceError> {
    let path = root.join("usr/lib/os-release");
    let mut text = if path.exists() {
        place::text(&path, 64 << 10)?
    } else {
        String::new()
    };
    text.push_str(&format!("IMAGE_ID=posto\nIMAGE_VERSION={release}\n"));
    put(root, "usr/lib/os-release", text.as_bytes())?;
    link("../usr/lib/os-release", &root.join("etc/os-release"))
}

fn put(root: &Path, name: &str, bytes: &[u8]) -> Result<(), PlaceError> {
    let path = root.join(name);
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    place::gone(&path)?;
    place::whole(&path, bytes)
}

fn link(target: &str, path: &Path) -> Result<(), PlaceError> {
    if let Some(parent) = path.parent() {
        make_folder(parent)?;
    }
    place::gone(path)?;
    symlink(target, path).map_err(place::at("cannot link", path))
}

/// Makes a folder and its parents, all 0755 whatever the umask.
fn make_folder(path: &Path) -> Result<(), PlaceError> {
    let mut missing: Vec<&Path> = path.ancestors().take_while(|part| !part.exists()).collect();
    while let Some(part) = missing.pop() {
        fs::create_dir(part).map_err(place::at("cannot make folder", part))?;
        place::set_mode(part, 0o755)?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path, mode: u32) -> Result<(), PlaceError> {
    place::gone(to)?;
    if let Some(parent) = to.parent() {
        make_folder(parent)?;
    }
    fs::copy(from, to).map_err(place::at("cannot copy", from))?;
    place::set_mode(to, mode)
}

/// Copies a folder's contents over another's: folders 0755, files 0644 or, where executable, 0755, links as they are. Owners are
/// the builder's own (root). Editors' and version control's left-overs stay out.
///
/// # Errors
/// When something cannot be read or written.
pub fn copy_tree(from: &Path, to: &Path) -> Result<(), PlaceError> {
    for source in place::sorted(from)? {
        let Ok(name) = source.strip_prefix(from) else {
            continue;
        };
        let left_over = |n: &str| n == ".gitkeep" || n.ends_with('~') || n.ends_with(".swp");
        if name
            .file_name()
            .and_then(|n| n.to_str())
            .is_some_and(left_over)
        {
            continue;
        }
        let target: PathBuf = to.join(name);
        let meta = fs::symlink_metadata(&source).map_err(place::at("cannot read", &source))?;
        if meta.file_type().is_symlink() {
            let points = fs::read_link(&source).map_err(place::at("cannot read", &source))?;
            place::gone(&target)?;
            if let Some(parent) = target.parent() {
                make_folder(parent)?;
            }
            symlink(&points, &target).map_err(place::at("cannot link", &target))?;
        } else if meta.is_dir() {
            make_folder(&target)?;
        } else {
            let mode = if meta.permissions().mode() & 0o111 == 0 {
                0o644
            } else {
                0o755
            };
            copy_file(&source, &target, mode)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_in_the_overlay_are_normalised_and_links_and_the_executable_bit_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        place::whole(&from.join("etc/a"), b"a").unwrap();
        place::whole(&from.join("etc/b"), b"b").unwrap();
        place::whole(&from.join("etc/.gitkeep"), b"").unwrap();
        place::set_mode(&from.join("etc/a"), 0o600).unwrap();
        place::set_mode(&from.join("etc/b"), 0o711).unwrap();
        place::set_mode(&from.join("etc"), 0o700).unwrap();
        symlink("/nowhere", from.join("etc/c")).unwrap();
        copy_tree(&from, &to).unwrap();
        let mode = |name: &str| fs::metadata(to.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(
            (mode("etc"), mode("etc/a"), mode("etc/b")),
            (0o755, 0o644, 0o755)
        );
        assert_eq!(
            fs::read_link(to.join("etc/c")).unwrap(),
            Path::new("/nowhere")
        );
        assert!(!to.join("etc/.gitkeep").exists());
    }

    #[test]
    fn no_program_may_become_another_user() {
        let dir = tempfile::tempdir().unwrap();
        let su = dir.path().join("usr/bin/su");
        place::whole(&su, b"").unwrap();
        place::set_mode(&su, 0o4755).unwrap();
        no_set_id(dir.path()).unwrap();
        assert_eq!(
            fs::metadata(&su).unwrap().permissions().mode() & 0o7777,
            0o755
        );
    }

    #[test]
    fn a_link_where_the_overlay_has_a_file_is_replaced_and_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to, outside) = (
            dir.path().join("from"),
            dir.path().join("to"),
            dir.path().join("outside"),
        );
        place::whole(&from.join("x"), b"new").unwrap();
        place::whole(&outside, b"old").unwrap();
        fs::create_dir(&to).unwrap();
        symlink(&outside, to.join("x")).unwrap();
        copy_tree(&from, &to).unwrap();
        assert_eq!(fs::read(&outside).unwrap(), b"old");
        assert_eq!(fs::read(to.join("x")).unwrap(), b"new");
    }
}
