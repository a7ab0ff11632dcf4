//! Which works were under way when the power went: their directories bear their names.

use std::path::Path;

use super::DurableError;

/// One is under way at a time; many more are no left-overs of ours.
const LIMIT: usize = 10_000;

/// What follows `prefix` in the names of `directory`; nothing where it is not there.
///
/// # Errors
/// [`DurableError::Read`].
pub fn names_after(directory: &Path, prefix: &str) -> Result<Vec<String>, DurableError> {
    let failed = |source| DurableError::Read {
        path: directory.to_path_buf(),
        source,
    };
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for (count, entry) in entries.enumerate() {
        if count >= LIMIT {
            return Err(failed(std::io::ErrorKind::QuotaExceeded.into()));
        }
        let name = entry.map_err(failed)?.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(prefix));
        names.extend(rest.map(str::to_owned));
    }
    Ok(names)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test's files")]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_begin_so_are_given_and_no_directory_is_none() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["import-7", "restore-000001", "import"] {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        assert_eq!(names_after(dir.path(), "import-").unwrap(), ["7"]);
        let none = dir.path().join("none");
        assert!(names_after(&none, "import-").unwrap().is_empty());
        std::fs::write(&none, b"").unwrap();
        assert!(names_after(&none, "import-").is_err());
    }
}
