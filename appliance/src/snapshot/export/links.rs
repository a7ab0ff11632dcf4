//! Which symbolic links a copy carries: those that, followed to their end, cannot leave OpenMRS's files.

use std::path::{Component, Path};

/// Where links may be, and where they must stay.
const ROOM: &str = "openmrs";
/// The kernel's own limit of a target (PATH_MAX).
const TARGET_LIMIT_BYTES: usize = 4095;

/// Whether a link at `path` (inside the snapshot, below real directories only) to `target` stays below `openmrs/`. Pure.
///
/// `..` is taken at the target's beginning only: there it goes up real directories. After a name, which may be another link, it
/// would go up from wherever that one leads. So each link by itself stays inside, and hence also all of them one after the other.
pub(in crate::snapshot) fn stays_inside(path: &Path, target: &Path) -> bool {
    let mut parts = path.components();
    let in_room = parts.next() == Some(Component::Normal(ROOM.as_ref()));
    // Directories between `openmrs/` and the link.
    let Some(mut depth) = parts.count().checked_sub(1) else {
        return false;
    };
    let length = target.as_os_str().len();
    if !in_room || length == 0 || length > TARGET_LIMIT_BYTES {
        return false;
    }
    let mut named = false;
    for part in target.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if !named && depth > 0 => depth -= 1,
            Component::Normal(_) => named = true,
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a test's files")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_link_that_stays_below_openmrs_is_carried_and_no_other() {
        for (path, target, carried) in [
            ("openmrs/current", "modules", true),
            ("openmrs/current", "./modules/a.omod", true),
            ("openmrs/a/b/link", "../../storage/x", true),
            ("openmrs/a/link", "..", true),
            ("openmrs/link", "gone", true),
            ("openmrs/link", "..", false),
            ("openmrs/a/link", "../../database", false),
            ("openmrs/a/b/link", "c/../x", false),
            ("openmrs/link", "/etc/passwd", false),
            ("openmrs/link", "/data/live/openmrs/storage", false),
            ("openmrs/link", "", false),
            ("openmrs", "storage", false),
            ("database/link", "openmrs", false),
            ("manifest.json", "openmrs/x", false),
        ] {
            let found = stays_inside(Path::new(path), Path::new(target));
            assert_eq!(found, carried, "{path} -> {target}");
        }
    }

    proptest! {
        /// The kernel itself follows whatever links are carried together, and never gets out.
        #[test]
        fn links_that_are_carried_lead_nowhere_else_even_through_each_other(
            links in proptest::collection::vec(("(a/|b/|a/b/)?[l-n]", "(\\.\\./){0,3}((a|b|l|m|n|\\.\\.)/){0,3}(a|b|l|m|n|\\.\\.)"), 1..6)
        ) {
            let dir = tempfile::tempdir().unwrap();
            let root = std::fs::canonicalize(dir.path()).unwrap().join("snapshot");
            let room = root.join(ROOM);
            std::fs::create_dir_all(room.join("a/b")).unwrap();
            std::fs::create_dir_all(room.join("b")).unwrap();
            for (link, target) in &links {
                let path = Path::new(ROOM).join(link);
                if stays_inside(&path, Path::new(target)) {
                    let _ = std::os::unix::fs::symlink(target, root.join(path));
                }
            }
            for (link, _) in &links {
                if let Ok(end) = std::fs::canonicalize(room.join(link)) {
                    prop_assert!(end.starts_with(&room), "{} in {links:?}", end.display());
                }
            }
        }
    }
}
