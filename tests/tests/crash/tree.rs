//! What a directory holds: names, kinds, owners, modes, lengths, contents.

use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// Each name below a directory, and in one word what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tree(BTreeMap<PathBuf, String>);

impl Tree {
    /// What is below `root` but for the names in `leave_out`.
    pub(crate) fn of(root: &Path, leave_out: &[&str]) -> Result<Self, String> {
        let mut all = BTreeMap::new();
        let mut pending = vec![root.to_path_buf()];
        while let Some(path) = pending.pop() {
            let failed = |error: std::io::Error| format!("{}: {error}", path.display());
            let found = path.symlink_metadata().map_err(failed)?;
            let mut word = format!("{:o} {}:{}", found.mode(), found.uid(), found.gid());
            if found.is_dir() {
                for entry in std::fs::read_dir(&path).map_err(failed)? {
                    pending.push(entry.map_err(failed)?.path());
                }
            } else if found.is_file() {
                word += &format!(" {} {}", found.len(), content(&path).map_err(failed)?);
            }
            let name = path.strip_prefix(root).unwrap_or(&path);
            if !leave_out.iter().any(|left| name == Path::new(left)) {
                all.insert(name.to_path_buf(), word);
            }
        }
        Ok(Self(all))
    }

    /// Names that are not the same in both.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let names = self
            .0
            .keys()
            .chain(other.0.keys().filter(|name| !self.0.contains_key(*name)));
        let word = |tree: &Self, name: &PathBuf| tree.0.get(name).cloned();
        names
            .filter(|name| word(self, name) != word(other, name))
            .map(|name| {
                let words = [word(self, name), word(other, name)];
                let [one, two] = words.map(|word| word.unwrap_or_else(|| "absent".to_string()));
                format!("{}: {one}, was {two}", name.display())
            })
            .collect()
    }
}

fn content(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}
