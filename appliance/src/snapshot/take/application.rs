//! OpenMRS's own files, cloned after the cut: a row never lacks its file, at worst a file has no row yet.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::error::TakeError;
use crate::openmrs::distribution;
use crate::system::reflink::{Cloned, clone_tree};

/// What OpenMRS makes again by itself: unpacked libraries, logs, the search index. All else is kept, also what only a module
/// knows: losing a file of a patient would be worse than keeping one too many.
const MADE_AGAIN: [&str; 4] = [".openmrs-lib-cache", "logs", "openmrs.log", "lucene"];

/// Clones what of `openmrs` belongs to a snapshot into the new directory `to`. The release's own modules and configuration do
/// not: they come from the root, and are laid again where they are missing.
pub(super) fn clone(openmrs: &Path, to: &Path) -> Result<Cloned, TakeError> {
    let laid = distribution::laid(openmrs)?;
    Ok(clone_tree(openmrs, to, &|path| is_left_out(path, &laid))?)
}

fn is_left_out(path: &Path, laid: &BTreeSet<PathBuf>) -> bool {
    MADE_AGAIN.iter().any(|name| path == Path::new(name)) || laid.contains(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_and_modules_made_is_kept_and_what_the_release_or_openmrs_makes_is_not() {
        let laid: BTreeSet<PathBuf> = ["modules/core.omod", ".posto-distribution.json"]
            .map(PathBuf::from)
            .into();
        for kept in [
            "openmrs-runtime.properties",
            "storage",
            "complex_obs/1.png",
            "modules",
            "modules/site.omod",
            "configuration/x.csv",
            "configuration_checksums",
            "some-modules-own/logs",
        ] {
            assert!(!is_left_out(Path::new(kept), &laid), "{kept}");
        }
        for left_out in [
            "logs",
            "lucene",
            ".openmrs-lib-cache",
            "modules/core.omod",
            ".posto-distribution.json",
        ] {
            assert!(is_left_out(Path::new(left_out), &laid), "{left_out}");
        }
    }
}
