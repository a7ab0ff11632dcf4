//! Which patches a release is published with: those that were made before, those that are there, those that are made now.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use posto_delta::make::{self, Options, release::ReleaseError as MakeError};
use posto_release::kernel_line::ReleaseName;

use super::patch::{Patch, PatchError};
use super::release::{self, Release, ReleaseError};
use super::repository::{Repository, RepositoryError};
use crate::rollout::{self, WHOLE};

/// Why a release is not published with these patches.
#[derive(Debug, thiserror::Error)]
pub enum PatchPlanError {
    /// A patch.
    #[error(transparent)]
    Patch(#[from] PatchError),
    /// Making one.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// A made patch could not be put together.
    #[error("the patch from {from} cannot be put together: {source}")]
    Write {
        /// What it begins with.
        from: String,
        /// What happened.
        source: std::io::Error,
    },
    /// Nobody knows what it begins with.
    #[error(
        "{0} begins with a release that is not published here; name that release: --patch RELEASE={0}"
    )]
    UnknownBase(PathBuf),
    /// It begins with something else than what it is said to.
    #[error("{path} does not begin with the release {from}; nothing was published")]
    OtherBase {
        /// Which.
        path: PathBuf,
        /// What it was said to begin with.
        from: String,
    },
    /// A release of that name is published, and it is another one.
    #[error("{path} is not the release {from} that is published; nothing was published")]
    OtherRelease {
        /// Which.
        path: PathBuf,
        /// Its name.
        from: String,
    },
    /// A name that no release has.
    #[error("{0:?} is no release's name")]
    Name(String),
    /// From a release to itself, or two from the same.
    #[error("a second patch from {0}, or one from the release to itself; nothing was published")]
    Twice(String),
    /// The release.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The repository.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

/// A patch file that was made before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The release that it begins with, where that cannot be looked up.
    pub from: Option<String>,
    /// The file.
    pub path: PathBuf,
}

impl std::str::FromStr for Given {
    type Err = std::convert::Infallible;

    /// `FILE`, or `RELEASE=FILE` where what stands before the sign may be a release's name.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = text
            .split_once('=')
            .filter(|(from, _)| ReleaseName::parse(from).is_ok());
        Ok(match named {
            Some((from, path)) => Self {
                from: Some(from.to_owned()),
                path: path.into(),
            },
            None => Self {
                from: None,
                path: text.into(),
            },
        })
    }
}

/// Where a patch comes from.
#[derive(Debug)]
enum Supply {
    Given(Box<Patch>, PathBuf),
    Published(u64),
    /// Made against the release in this directory; against nothing without one.
    Made(Option<PathBuf>),
}

/// The patches of a release, by what they begin with.
#[derive(Debug)]
pub struct PatchPlan {
    supplies: BTreeMap<String, Supply>,
}

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// A patch is being made: minutes.
    Making(&'a str),
    /// It is made, and so long, bytes.
    Made(&'a str, u64),
}

impl PatchPlan {
    /// With the patch files `given` and one from each release directory of `older`; one without a base is always there.
    ///
    /// # Errors
    /// When a patch is damaged, makes or begins with something else, or begins with what nobody knows.
    pub fn new(
        repository: &Repository,
        release: &Release,
        given: &[Given],
        older: &[PathBuf],
    ) -> Result<Self, PatchPlanError> {
        let mut plan = Self {
            supplies: BTreeMap::new(),
        };
        let name = &release.terms.release;
        let published = |from: &str| {
            let patch = repository.targets.get(&rollout::patch_path(name, from));
            patch.map(|file| Supply::Published(file.length))
        };
        for given in given {
            let patch = Patch::read(&given.path, &release.manifest)?;
            let from = base(repository, given, &patch)?;
            let supply = Supply::Given(Box::new(patch), given.path.clone());
            plan.add(name, from, supply)?;
        }
        for path in older {
            let (_, manifest) = release::read_manifest(path)?;
            let from = manifest.identity.release.clone();
            plain(&from)?;
            if repository.has(&from) && repository.manifest(&from)? != manifest {
                return Err(PatchPlanError::OtherRelease {
                    path: path.clone(),
                    from,
                });
            }
            let supply = published(&from).unwrap_or_else(|| Supply::Made(Some(path.clone())));
            plan.add(name, from, supply)?;
        }
        if !plan.supplies.contains_key(WHOLE) {
            let supply = published(WHOLE).unwrap_or(Supply::Made(None));
            plan.add(name, WHOLE.to_owned(), supply)?;
        }
        Ok(plan)
    }

    fn add(&mut self, release: &str, from: String, supply: Supply) -> Result<(), PatchPlanError> {
        if from == release || self.supplies.contains_key(&from) {
            return Err(PatchPlanError::Twice(from));
        }
        self.supplies.insert(from, supply);
        Ok(())
    }

    /// A line for each patch.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let line = |(from, supply): (&String, &Supply)| {
            let what = match from.as_str() {
                WHOLE => "whole patch".to_owned(),
                from => format!("patch from {from}"),
            };
            match supply {
                Supply::Given(patch, path) => {
                    format!("{what}: {} bytes, {}", patch.file.length, path.display())
                }
                Supply::Published(bytes) => format!("{what}: {bytes} bytes, published already"),
                Supply::Made(Some(path)) => format!("{what}: to be made from {}", path.display()),
                Supply::Made(None) => format!("{what}: to be made"),
            }
        };
        self.supplies.iter().map(line).collect()
    }

    /// Makes what is missing, and adds all to the release whose directory is `folder`.
    ///
    /// # Errors
    /// When making fails.
    pub fn execute(
        self,
        folder: &Path,
        release: &mut Release,
        say: &mut dyn FnMut(Step<'_>),
    ) -> Result<(), PatchPlanError> {
        for (from, supply) in self.supplies {
            match supply {
                Supply::Published(_) => {}
                Supply::Given(patch, _) => release.add_patch(&from, &patch)?,
                Supply::Made(older) => {
                    say(Step::Making(&from));
                    let patch = made(&from, older.as_deref(), folder, release)?;
                    say(Step::Made(&from, patch.file.length));
                    release.add_patch(&from, &patch)?;
                }
            }
        }
        Ok(())
    }
}

fn made(
    from: &str,
    older: Option<&Path>,
    folder: &Path,
    release: &Release,
) -> Result<Patch, PatchPlanError> {
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let options = Options {
        threads,
        ..Options::default()
    };
    let patch = make::release::patch(older, folder, &options)?;
    let mut bytes = Vec::new();
    patch
        .write(&mut bytes)
        .map_err(|source| PatchPlanError::Write {
            from: from.to_owned(),
            source,
        })?;
    Ok(Patch::made(bytes, folder, &release.manifest)?)
}

fn plain(from: &str) -> Result<(), PatchPlanError> {
    if ReleaseName::parse(from).is_err() || from.starts_with('.') || from == WHOLE {
        return Err(PatchPlanError::Name(from.to_owned()));
    }
    Ok(())
}

/// The name of what a patch begins with.
fn base(repository: &Repository, given: &Given, patch: &Patch) -> Result<String, PatchPlanError> {
    let path = given.path.clone();
    match (&patch.base, &given.from) {
        (None, None) => Ok(WHOLE.to_owned()),
        (None, Some(from)) => Err(PatchPlanError::OtherBase {
            path,
            from: from.clone(),
        }),
        (Some(base), None) => repository
            .release_of(base)?
            .ok_or(PatchPlanError::UnknownBase(path)),
        (Some(base), Some(from)) => {
            plain(from)?;
            if repository.has(from) && !base.is_of(&repository.manifest(from)?) {
                return Err(PatchPlanError::OtherBase {
                    path,
                    from: from.clone(),
                });
            }
            Ok(from.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_named_before_the_sign_and_a_path_with_one_is_a_path() {
        for (text, from, path) in [
            ("a.patch", None, "a.patch"),
            ("2026.11-1=a.patch", Some("2026.11-1"), "a.patch"),
            ("x/y=z/a.patch", None, "x/y=z/a.patch"),
            ("=a", None, "=a"),
        ] {
            let Ok(given) = text.parse::<Given>();
            assert_eq!((given.from.as_deref(), given.path), (from, path.into()));
        }
    }
}
