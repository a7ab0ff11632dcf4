//! Which old file a new file is compared with.

use std::collections::BTreeMap;

use super::unit::Unit;

/// The old files by their names, as exact as they can be met again.
#[derive(Debug)]
pub struct OldFiles<'a> {
    /// By path; by path without the kernel's version; by path and by base name without digits (a library's version).
    by_key: [BTreeMap<Vec<u8>, Vec<&'a Unit>>; 4],
}

impl<'a> OldFiles<'a> {
    /// Indexes the old units.
    #[must_use]
    pub fn of(units: &'a [Unit]) -> Self {
        let mut by_key: [BTreeMap<_, Vec<_>>; 4] = Default::default();
        for unit in units {
            for (map, key) in by_key.iter_mut().zip(keys(&unit.path)) {
                map.entry(key).or_default().push(unit);
            }
        }
        Self { by_key }
    }

    /// The old unit that most likely became this one: of several with the same name, the one nearest in length.
    #[must_use]
    pub fn partner(&self, new: &Unit) -> Option<&'a Unit> {
        // What is between the files has no name, and no file takes it for its own.
        let kind = |old: &&&Unit| old.path.is_empty() == new.path.is_empty();
        let candidates = self
            .by_key
            .iter()
            .zip(keys(&new.path))
            .find_map(|(map, key)| map.get(&key))?;
        candidates
            .iter()
            .filter(kind)
            .min_by_key(|old| old.bytes().abs_diff(new.bytes()))
            .copied()
    }
}

fn keys(path: &[u8]) -> [Vec<u8>; 4] {
    let same_kernel = without_kernel_version(path);
    let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    [
        path.to_vec(),
        same_kernel.clone(),
        without_digits(&same_kernel),
        without_digits(base),
    ]
}

/// `usr/lib/modules/6.12.107+deb13-amd64/kernel/x.ko` -> `usr/lib/modules//kernel/x.ko`
fn without_kernel_version(path: &[u8]) -> Vec<u8> {
    let mut parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').collect();
    if let Some(at) = parts.iter().position(|part| *part == b"modules")
        && let Some(version) = parts.get_mut(at + 1)
        && version.first().is_some_and(u8::is_ascii_digit)
    {
        *version = b"";
    }
    parts.join(&b'/')
}

fn without_digits(path: &[u8]) -> Vec<u8> {
    path.iter()
        .copied()
        .filter(|byte| !byte.is_ascii_digit())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::make::unit::Extent;

    fn unit(path: &str, bytes: u64) -> Unit {
        Unit {
            path: path.into(),
            extents: vec![Extent { at: 0, bytes }],
        }
    }

    #[test]
    fn a_file_meets_its_older_self_over_versions_in_its_path() {
        let old = [
            unit("", 7),
            unit("usr/lib/modules/6.12.107/net/e1000.ko", 1),
            unit("usr/lib/modules/6.12.107/net/e100.ko", 2),
            unit("usr/lib/x/libssl.so.3.0.1", 3),
            unit("usr/lib/y/libfoo.so.1", 4),
        ];
        let files = OldFiles::of(&old);
        let bytes = |path: &str| files.partner(&unit(path, 9)).map(Unit::bytes);
        assert_eq!(bytes(""), Some(7));
        assert_eq!(bytes("usr/lib/modules/6.12.117/net/e1000.ko"), Some(1));
        assert_eq!(bytes("usr/lib/x/libssl.so.3.0.2"), Some(3));
        assert_eq!(bytes("usr/lib/z/libfoo.so.2"), Some(4));
        assert_eq!(bytes("usr/bin/new"), None);
    }
}
