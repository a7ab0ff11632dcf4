//! The Java side of the image: artifacts brought together, Tomcat and the web application unpacked. One cached stage.

use std::path::{Path, PathBuf};

use crate::artifacts::coordinate::Coordinate;
use crate::artifacts::lock::{ArtifactLock, ArtifactLockError};
use crate::artifacts::store::{Store, StoreError};
use crate::cache::{Cache, Key};
use crate::distro::properties::Part;
use crate::distro::source::{self, Given, SourceError};
use crate::distro::unpack::{self, UnpackError};
use crate::place::{self, PlaceError};

/// Tomcat 9: OpenMRS 2.8 is of the javax.servlet age.
pub const TOMCAT: &str = "org.apache.tomcat:tomcat:9.0.117:tar.gz";
/// For web applications that bring no MariaDB driver of their own.
pub const JDBC: &str = "org.mariadb.jdbc:mariadb-java-client:3.5.6:jar";

/// The Java side could not be made.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)] // every variant but the last two is its source
pub enum WebError {
    #[error(transparent)]
    Place(#[from] PlaceError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    #[error("{path}: {source}")]
    Lock {
        path: PathBuf,
        source: ArtifactLockError,
    },
    #[error("the coordinate {0} in the builder's source is wrong")]
    Constant(&'static str),
}

/// The unpacked Java side.
#[derive(Debug, Clone)]
pub struct Web {
    /// Folder with `tomcat/`, `webapp/`, `distribution/`.
    pub dir: PathBuf,
    /// Everything that came through Maven.
    pub pins: ArtifactLock,
    /// A lock that was written because the distro had none.
    pub pinned_now: Option<PathBuf>,
}

const REVISION: u32 = 1;
const LOCK_LIMIT_BYTES: u64 = 1 << 20;

/// Brings everything together. `base_lock` is the builder's own lock; a distro file's lock lies beside it.
///
/// # Errors
/// When an artifact cannot be had, is another than the locked one, or is damaged.
pub fn make(
    cache: &Cache,
    store: &Store,
    given: &Given,
    base_lock: &Path,
    update: bool,
    mut say: impl FnMut(&str),
) -> Result<Web, WebError> {
    let constant = |text: &'static str| Coordinate::parse(text).ok_or(WebError::Constant(text));
    let (tomcat, jdbc) = (constant(TOMCAT)?, constant(JDBC)?);
    say("base artifacts");
    let none = Default::default();
    let base_pins = read_lock(base_lock)?;
    let base_wanted = [tomcat.clone(), jdbc.clone()];
    let base = store.bring(
        &base_wanted,
        &base_pins,
        update,
        &none,
        &cache.work("maven-base")?,
    )?;
    if update || base != base_pins {
        place::whole(base_lock, base.text().as_bytes())?;
    }

    let mut pins = base.clone();
    let mut pinned_now = None;
    if let Given::File { path, file } = given {
        say("the distro's artifacts");
        let lock_path = path.with_extension("lock");
        let lock = read_lock(&lock_path)?;
        let wanted: Vec<Coordinate> = given
            .items()
            .iter()
            .map(|item| item.coordinate.clone())
            .collect();
        let resolved = store.bring(
            &wanted,
            &lock,
            update,
            &file.repositories,
            &cache.work("maven-distro")?,
        )?;
        if resolved != lock {
            place::whole(&lock_path, resolved.text().as_bytes())?;
            pinned_now = Some(lock_path);
        }
        pins.pins.extend(resolved.pins);
    }

    let mut key = Key::new("web", REVISION);
    for (coordinate, pin) in &pins.pins {
        key = key.with(&coordinate.to_string(), pin.sha256.as_bytes());
    }
    for item in given.items() {
        key = key.with(
            &item.name,
            format!("{:?} {:?} {}", item.part, item.includes, item.coordinate).as_bytes(),
        );
    }
    for path in given.files() {
        let hash = match std::fs::metadata(&path) {
            Ok(meta) if meta.is_dir() => place::tree_sha256(&path)?,
            Ok(_) => place::sha256(&path)?.1,
            Err(_) => continue,
        };
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        key = key.with(&name, hash.as_bytes());
    }
    let dir = cache.stage("web", &key, |dir| -> Result<(), WebError> {
        say("unpacking");
        if let Some(pin) = pins.pins.get(&tomcat) {
            // Its scripts, manual and example applications are not used: the JVM is started directly.
            let wanted = |name: &Path| {
                name.starts_with("lib")
                    || name.starts_with("conf")
                    || [
                        Path::new("bin/bootstrap.jar"),
                        Path::new("bin/tomcat-juli.jar"),
                        Path::new("LICENSE"),
                        Path::new("NOTICE"),
                    ]
                    .contains(&name)
            };
            unpack::tar_gz(&store.path(pin), &dir.join("tomcat"), wanted)?;
        }
        source::lay_out(given, &pins, store, dir)?;
        let libraries = dir.join("webapp/WEB-INF/lib");
        let has_driver = libraries.is_dir()
            && place::sorted(&libraries)?.iter().any(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().starts_with("mariadb-java-client"))
            });
        if let (false, Some(pin)) = (has_driver, pins.pins.get(&jdbc)) {
            place::folder(&libraries)?;
            let to = libraries.join(jdbc.file_name());
            std::fs::copy(store.path(pin), &to).map_err(place::at("cannot copy", &to))?;
            place::set_mode(&to, 0o644)?;
        }
        Ok(())
    })?;
    // The driver is in the SBOM only where it was put in.
    if !dir
        .join("webapp/WEB-INF/lib")
        .join(jdbc.file_name())
        .is_file()
    {
        pins.pins.remove(&jdbc);
    }
    Ok(Web {
        dir,
        pins,
        pinned_now,
    })
}

fn read_lock(path: &Path) -> Result<ArtifactLock, WebError> {
    if !path.exists() {
        return Ok(ArtifactLock::default());
    }
    ArtifactLock::parse(&place::text(path, LOCK_LIMIT_BYTES)?).map_err(|source| WebError::Lock {
        path: path.to_path_buf(),
        source,
    })
}

/// The version of OpenMRS in a distro, when its file says so.
pub fn openmrs_version(given: &Given) -> Option<String> {
    let file = match given {
        Given::File { file, .. }
        | Given::Folder {
            file: Some(file), ..
        } => file,
        Given::Folder { .. } | Given::War(_) => return None,
    };
    file.items
        .iter()
        .find(|item| item.part == Part::War)
        .map(|item| item.coordinate.version.clone())
}
