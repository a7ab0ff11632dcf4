//! Where a distro comes from, and laying it out as the image has it.

use std::path::{Path, PathBuf};

use super::properties::{DistroFile, Item, Part, PropertiesError};
use super::unpack::{self, UnpackError};
use crate::artifacts::lock::ArtifactLock;
use crate::artifacts::store::Store;
use crate::place::{self, PlaceError};
use crate::root::assemble;

/// What was given on the command line, understood.
#[derive(Debug)]
pub enum Given {
    /// The ecosystem's folder: `openmrs_core/openmrs.war` and its sisters; the files are taken as they are.
    Folder {
        /// The folder.
        dir: PathBuf,
        /// Its distro file, for name and version.
        file: Option<DistroFile>,
    },
    /// A distro file, whose parts Maven has.
    File {
        /// The file.
        path: PathBuf,
        /// What it says.
        file: DistroFile,
    },
    /// A web application alone.
    War(PathBuf),
}

/// The distro cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// The distro file.
    #[error("{path}: {source}")]
    Properties {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: PropertiesError,
    },
    /// Neither a distro folder nor a distro file.
    #[error(
        "{0} is no distro: a folder needs openmrs_core/openmrs.war (with openmrs_modules/, openmrs_owas/, openmrs_config/, openmrs_spa/ \
         where there are any) or openmrs-distro.properties; a file must be a properties file"
    )]
    NoDistro(PathBuf),
    /// An archive.
    #[error(transparent)]
    Unpack(#[from] UnpackError),
    /// No web application, or two.
    #[error("the distro names {0} web applications (war.openmrs=<version>), one is needed")]
    Wars(usize),
}

const FILE_NAME: &str = "openmrs-distro.properties";
const FILE_LIMIT_BYTES: u64 = 1 << 20;
/// Folders of the ecosystem's layout, as the image carries them.
const FOLDERS: [&str; 4] = [
    "openmrs_modules",
    "openmrs_owas",
    "openmrs_config",
    "openmrs_spa",
];

impl Given {
    /// Looks at a path given with `--distro`.
    ///
    /// # Errors
    /// When there is no distro.
    pub fn look(path: &Path) -> Result<Self, SourceError> {
        let read = |path: &Path| -> Result<DistroFile, SourceError> {
            DistroFile::parse(&place::text(path, FILE_LIMIT_BYTES)?).map_err(|source| {
                SourceError::Properties {
                    path: path.to_path_buf(),
                    source,
                }
            })
        };
        if path.is_file() {
            return Ok(Self::File {
                path: path.to_path_buf(),
                file: read(path)?,
            });
        }
        let file = path.join(FILE_NAME);
        if path.join("openmrs_core/openmrs.war").is_file() {
            let file = if file.is_file() {
                Some(read(&file)?)
            } else {
                None
            };
            return Ok(Self::Folder {
                dir: path.to_path_buf(),
                file,
            });
        }
        if file.is_file() {
            return Ok(Self::File {
                file: read(&file)?,
                path: file,
            });
        }
        Err(SourceError::NoDistro(path.to_path_buf()))
    }

    /// Name, version, and whether it is the stand-in.
    pub fn identity(&self) -> (String, String, bool) {
        match self {
            Self::Folder {
                file: Some(file), ..
            }
            | Self::File { file, .. } => (file.name.clone(), file.version.clone(), file.stand_in),
            Self::Folder { dir, file: None } => (stem(dir), "0".to_owned(), false),
            Self::War(path) => (stem(path), "0".to_owned(), false),
        }
    }

    /// Parts that Maven must resolve.
    pub fn items(&self) -> &[Item] {
        match self {
            Self::File { file, .. } => &file.items,
            Self::Folder { .. } | Self::War(_) => &[],
        }
    }

    /// Everything on this machine that the result depends on besides artifacts: files to hash.
    pub fn files(&self) -> Vec<PathBuf> {
        match self {
            Self::Folder { dir, .. } => [&["openmrs_core"], &FOLDERS[..]]
                .concat()
                .iter()
                .map(|name| dir.join(name))
                .collect(),
            Self::File { .. } => Vec::new(),
            Self::War(path) => vec![path.clone()],
        }
    }
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(
        || "distro".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

/// Unpacks the web application into `to/webapp` and lays the rest into `to/distribution`.
///
/// # Errors
/// When an archive is damaged or there is not exactly one web application.
pub fn lay_out(
    given: &Given,
    pins: &ArtifactLock,
    store: &Store,
    to: &Path,
) -> Result<(), SourceError> {
    let webapp = to.join("webapp");
    let distribution = to.join("distribution");
    for folder in FOLDERS {
        place::folder(&distribution.join(folder))?;
    }
    let as_it_is = |name: &Path| Some(name.to_path_buf());
    match given {
        Given::War(path) => unpack::zip(path, &webapp, as_it_is)?,
        Given::Folder { dir, .. } => {
            unpack::zip(&dir.join("openmrs_core/openmrs.war"), &webapp, as_it_is)?;
            for folder in FOLDERS {
                if dir.join(folder).is_dir() {
                    assemble::copy_tree(&dir.join(folder), &distribution.join(folder))?;
                }
            }
        }
        Given::File { file, .. } => {
            let wars = file
                .items
                .iter()
                .filter(|item| item.part == Part::War)
                .count();
            if wars != 1 {
                return Err(SourceError::Wars(wars));
            }
            for item in &file.items {
                if let Some(pin) = pins.pins.get(&item.coordinate) {
                    lay_item(item, &store.path(pin), &webapp, &distribution)?;
                }
            }
        }
    }
    Ok(())
}

fn lay_item(
    item: &Item,
    file: &Path,
    webapp: &Path,
    distribution: &Path,
) -> Result<(), SourceError> {
    let copy = |name: String| -> Result<(), SourceError> {
        let to = distribution.join(name);
        std::fs::copy(file, &to).map_err(place::at("cannot copy", &to))?;
        Ok(place::set_mode(&to, 0o644)?)
    };
    let c = &item.coordinate;
    match item.part {
        Part::War => unpack::zip(file, webapp, |name| Some(name.to_path_buf()))?,
        Part::Omod => copy(format!("openmrs_modules/{}-{}.omod", item.name, c.version))?,
        Part::Owa => copy(format!("openmrs_owas/{}.owa", item.name))?,
        Part::Config => unpack::zip(file, &distribution.join("openmrs_config"), |name| {
            Some(name.to_path_buf())
        })?,
        Part::Spa => {
            let inner = item.includes.clone().unwrap_or_default();
            unpack::zip(file, &distribution.join("openmrs_spa"), |name| {
                name.strip_prefix(&inner).ok().map(Path::to_path_buf)
            })?;
        }
        Part::Content => unpack::zip(file, &distribution.join("openmrs_config"), |name| {
            content_place(name, &item.name)
        })?,
    }
    Ok(())
}

/// A content package's `configuration/[backend_configuration/]<domain>/<file>` goes to `<domain>/<namespace>/<file>`.
fn content_place(name: &Path, namespace: &str) -> Option<PathBuf> {
    let inside = name.strip_prefix("configuration").ok()?;
    let inside = inside
        .strip_prefix("backend_configuration")
        .unwrap_or(inside);
    if inside.starts_with("frontend_configuration") {
        return None;
    }
    let mut parts = inside.components();
    let domain = parts.next()?;
    let rest = parts.as_path();
    (!rest.as_os_str().is_empty()).then(|| Path::new(&domain).join(namespace).join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_a_web_application_is_explained() {
        let dir = tempfile::tempdir().unwrap();
        let error = Given::look(dir.path()).unwrap_err().to_string();
        assert!(
            error.contains("openmrs_core/openmrs.war") && error.contains(FILE_NAME),
            "{error}"
        );
    }

    #[test]
    fn a_folder_with_a_distro_file_but_no_war_is_resolved_through_maven() {
        let dir = tempfile::tempdir().unwrap();
        place::whole(&dir.path().join(FILE_NAME), b"war.openmrs=2.8.9\nname=X\n").unwrap();
        let given = Given::look(dir.path()).unwrap();
        assert_eq!(given.items().len(), 1);
        assert_eq!(
            given.identity(),
            ("X".to_owned(), "2.8.9".to_owned(), false)
        );
    }

    #[test]
    fn content_goes_below_its_domain_under_its_own_name() {
        let place =
            |name: &str| content_place(Path::new(name), "hiv").map(|p| p.display().to_string());
        assert_eq!(
            place("configuration/concepts/c.csv").as_deref(),
            Some("concepts/hiv/c.csv")
        );
        assert_eq!(
            place("configuration/backend_configuration/concepts/a/c.csv").as_deref(),
            Some("concepts/hiv/a/c.csv")
        );
        assert_eq!(place("configuration/frontend_configuration/x.json"), None);
        assert_eq!(place("content.properties"), None);
    }
}
