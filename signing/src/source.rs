//! Where files come from: a mirror, or a folder (a stick, the publisher's own repository). Nothing of it is trusted.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::durable::{self, FileError};
use crate::role::RoleName;
use crate::workflow::{Answer, Request};

/// Why a file could not be brought. It says nothing about what the file would be.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file of the folder.
    #[error(transparent)]
    File(#[from] FileError),
    /// The mirror could not be asked, or its answer broke off.
    #[error("{address}: {why}")]
    Http {
        /// What was asked for.
        address: String,
        /// What happened.
        why: String,
    },
    /// A path that leaves its folder.
    #[error("the target path {0:?} is not a plain path inside the repository")]
    Path(String),
    /// The repository has no such file.
    #[error("{0}: the repository does not have it")]
    Absent(String),
}

/// A repository.
pub trait Source {
    /// Brings a metadata file, at most as long as asked for (and one byte, to see that it is longer).
    ///
    /// # Errors
    /// When it cannot be brought. That there is none is [`Answer::Absent`].
    fn metadata(&mut self, request: &Request) -> Result<Answer, SourceError>;

    /// Opens a file of the targets folder. The reader may be endless: the caller bounds it.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn target(&mut self, path: &TargetPath) -> Result<Box<dyn Read>, SourceError>;

    /// Opens `bytes` of such a file from `from` on. The reader may be endless, or end early: the caller bounds and counts it.
    ///
    /// # Errors
    /// When it cannot be opened, or nothing but the whole can be had.
    fn part(
        &mut self,
        path: &TargetPath,
        from: u64,
        bytes: u64,
    ) -> Result<Box<dyn Read>, SourceError>;
}

/// A path in the targets folder that does not leave it: parts between slashes, none of them empty, `.` or `..`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetPath(String);

impl TargetPath {
    /// The target's path; with `hash` before the last part where the repository is a consistent one (5.7.3).
    ///
    /// # Errors
    /// When the path leaves its folder.
    pub fn new(path: &str, hash: Option<&str>) -> Result<Self, SourceError> {
        let refused = || SourceError::Path(path.to_owned());
        let plain = |text: &str| !text.contains(['\0', '\\']) && text.len() <= 255;
        if path
            .split('/')
            .any(|part| matches!(part, "" | "." | "..") || !plain(part))
        {
            return Err(refused());
        }
        let Some(hash) = hash else {
            return Ok(Self(path.to_owned()));
        };
        if hash.is_empty() || !hash.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refused());
        }
        Ok(Self(match path.rsplit_once('/') {
            Some((folder, name)) => format!("{folder}/{hash}.{name}"),
            None => format!("{hash}.{path}"),
        }))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path in an address. A percent sign stays: specification 4.5 has paths that are URL strings already.
    #[must_use]
    pub fn in_address(&self) -> String {
        let mut out = String::with_capacity(self.0.len());
        for byte in self.0.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/%".contains(&byte) {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
        }
        out
    }
}

/// The name under which a target is kept in one flat folder.
#[must_use]
pub fn flat_name(path: &TargetPath) -> String {
    RoleName::new(path.as_str()).encoded()
}

/// A repository in a folder: `metadata/` and `targets/`. Links are not followed.
#[derive(Debug)]
pub struct FolderSource {
    folder: PathBuf,
}

impl FolderSource {
    /// The repository in this folder.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_path_buf(),
        }
    }
}

impl FolderSource {
    /// A file of the targets folder, and where it lies.
    fn opened(&self, path: &TargetPath) -> Result<(File, PathBuf), SourceError> {
        let place = self.folder.join("targets").join(path.as_str());
        let absent = || SourceError::Absent(path.as_str().to_owned());
        let file = durable::open(&place)?.ok_or_else(absent)?;
        Ok((file, place))
    }
}

impl Source for FolderSource {
    fn metadata(&mut self, request: &Request) -> Result<Answer, SourceError> {
        let path = self.folder.join("metadata").join(request.file_name());
        let Some(file) = durable::open(&path)? else {
            return Ok(Answer::Absent);
        };
        let mut content = Vec::new();
        file.take(request.max_bytes.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(durable::failed("could not read", &path))?;
        Ok(Answer::File(content))
    }

    fn target(&mut self, path: &TargetPath) -> Result<Box<dyn Read>, SourceError> {
        let (file, _) = self.opened(path)?;
        Ok(Box::new(file))
    }

    fn part(
        &mut self,
        path: &TargetPath,
        from: u64,
        bytes: u64,
    ) -> Result<Box<dyn Read>, SourceError> {
        let (mut file, place) = self.opened(path)?;
        file.seek(SeekFrom::Start(from))
            .map_err(durable::failed("could not read", &place))?;
        Ok(Box::new(file.take(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_target_path_leaves_its_folder() {
        for path in [
            "", "/a", "a//b", "../a", "a/../b", "a/.", "a/", "a\0", "a\\b",
        ] {
            assert!(TargetPath::new(path, None).is_err(), "{path}");
        }
        assert!(TargetPath::new("a", Some("../x")).is_err());
        let path = TargetPath::new("a/b c?.txt", Some("ab")).unwrap();
        assert_eq!(path.in_address(), "a/ab.b%20c%3F.txt");
        assert_eq!(flat_name(&TargetPath::new("a/b", None).unwrap()), "a%2Fb");
    }
}
