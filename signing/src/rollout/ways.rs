//! How a box comes to a release: by a patch from the release that it runs, or by the one that needs none.

use std::collections::BTreeMap;

use crate::metadata::{TargetFile, Targets};
use crate::workflow::Verified;

/// Stands where a patch's base is named: the patch needs none. No release may have this name.
pub const WHOLE: &str = "whole";
/// Ending of a patch's target path.
pub const PATCH: &str = ".patch";
const PIECES: &str = ".pieces";

/// A patch that makes a release on this box, and the list of its pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// Target path of the patch.
    pub patch: String,
    /// Target path of the list of its pieces ([`crate::fetch::Pieces::parse`]).
    pub pieces: String,
    /// Length of the patch, bytes.
    pub bytes: u64,
    /// Whether it makes the release from nothing, else from the running one.
    pub whole: bool,
}

/// Where the patches of a release are among the targets.
#[must_use]
pub fn patches_prefix(release: &str) -> String {
    format!("releases/{release}/patches/")
}

/// Where the patch to a release is that begins with the release `from`, or with [`WHOLE`].
#[must_use]
pub fn patch_path(release: &str, from: &str) -> String {
    format!("{}{from}{PATCH}", patches_prefix(release))
}

/// Where the list of that patch's pieces is.
#[must_use]
pub fn pieces_path(release: &str, from: &str) -> String {
    format!("{}{from}{PIECES}", patches_prefix(release))
}

/// The ways from the release `running` to `release`, the cheapest first. Empty: the publisher signed none.
#[must_use]
pub fn ways(targets: &Verified<Targets>, release: &str, running: &str) -> Vec<Way> {
    among(&targets.targets, release, running)
}

fn among(targets: &BTreeMap<String, TargetFile>, release: &str, running: &str) -> Vec<Way> {
    // A box that said it ran a release of the reserved name would take whole frames for a patch of its own.
    let mut bases = vec![running, WHOLE];
    bases.dedup();
    let mut ways: Vec<Way> = bases
        .into_iter()
        .filter_map(|from| {
            let (patch, pieces) = (patch_path(release, from), pieces_path(release, from));
            let bytes = targets.get(&patch)?.length;
            targets.contains_key(&pieces).then_some(Way {
                patch,
                pieces,
                bytes,
                whole: from == WHOLE,
            })
        })
        .collect();
    ways.sort_by_key(|way| way.bytes);
    ways
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::hashes::Hashes;

    fn targets(files: &[(&str, u64)]) -> BTreeMap<String, TargetFile> {
        let file = |(path, length): &(&str, u64)| {
            let file = TargetFile {
                length: *length,
                hashes: Hashes::default(),
                custom: Value::Null,
            };
            ((*path).to_owned(), file)
        };
        files.iter().map(file).collect()
    }

    #[test]
    fn the_cheaper_way_is_first_and_one_without_its_pieces_is_none() {
        let mut files = vec![
            ("releases/b/patches/whole.patch", 90),
            ("releases/b/patches/whole.pieces", 1),
            ("releases/b/patches/a.patch", 10),
            ("releases/b/patches/a.pieces", 1),
            ("releases/c/patches/x.patch", 10),
            ("releases/c/patches/x.pieces", 1),
        ];
        let said = |files: &[(&str, u64)], running: &str| -> Vec<(u64, bool)> {
            among(&targets(files), "b", running)
                .iter()
                .map(|way| (way.bytes, way.whole))
                .collect()
        };
        assert_eq!(said(&files, "a"), [(10, false), (90, true)]);
        assert_eq!(said(&files, "x"), [(90, true)], "c's patch is not b's");
        assert_eq!(said(&files, "whole"), [(90, true)]);
        files[2].1 = 91;
        assert_eq!(said(&files, "a"), [(90, true), (91, false)]);
        files.remove(3);
        assert_eq!(said(&files, "a"), [(90, true)]);
        assert_eq!(said(&files[2..], "a"), []);
    }
}
