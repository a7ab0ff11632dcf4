//! What takes the megabytes: per package, per folder, the largest files.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::place::{self, PlaceError};

/// The report, `sizes.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sizes {
    /// Bytes of all files in the root.
    pub root_bytes: u64,
    /// Files of the release by name, in bytes (of the disk image: what it holds, not its length).
    pub release: BTreeMap<String, u64>,
    /// Every contributor (Debian package, Tomcat, web application, our own files), largest first.
    pub contributors: Vec<Entry>,
    /// Folders to a depth of three, largest first; those below 1 MB are left out.
    pub folders: Vec<Entry>,
    /// The twenty largest files.
    pub files: Vec<Entry>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Package, folder or file.
    pub name: String,
    /// Its bytes.
    pub bytes: u64,
}

const FOLDER_FLOOR_BYTES: u64 = 1_000_000;
const FILES_SHOWN: usize = 20;
const OWNERS_LIMIT_BYTES: u64 = 64 << 20;
const REPORT_LIMIT_BYTES: u64 = 16 << 20;

/// What is not Debian's, by the beginning of its path.
const OURS: [(&str, &str); 6] = [
    ("usr/share/openmrs/webapps", "OpenMRS web application"),
    (
        "usr/share/openmrs/distribution",
        "OpenMRS modules and configuration",
    ),
    ("usr/share/tomcat", "Tomcat"),
    ("usr/bin/posto", "posto"),
    ("usr/lib/posto", "posto"),
    ("usr/lib/modules", "linux kernel modules"),
];

/// Measures a root; `owners` is the text file of paths and packages.
///
/// # Errors
/// When something cannot be read.
pub fn measure(root: &Path, owners: &Path) -> Result<Sizes, PlaceError> {
    let owners = place::text(owners, OWNERS_LIMIT_BYTES)?;
    let owners: BTreeMap<&str, &str> = owners
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .collect();
    let mut root_bytes = 0;
    let mut contributors: BTreeMap<String, u64> = BTreeMap::new();
    let mut folders: BTreeMap<String, u64> = BTreeMap::new();
    let mut files = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for path in place::sorted(root)? {
        let meta = std::fs::symlink_metadata(&path).map_err(place::at("cannot read", &path))?;
        if !meta.is_file() || (meta.nlink() > 1 && !seen.insert(meta.ino())) {
            continue;
        }
        let Some(name) = path.strip_prefix(root).ok().and_then(Path::to_str) else {
            continue;
        };
        root_bytes += meta.len();
        *contributors
            .entry(contributor(name, &owners).to_owned())
            .or_default() += meta.len();
        let parts: Vec<&str> = name.split('/').collect();
        for depth in 1..parts.len().min(4) {
            *folders
                .entry(parts.get(..depth).unwrap_or_default().join("/"))
                .or_default() += meta.len();
        }
        files.push(Entry {
            name: name.to_owned(),
            bytes: meta.len(),
        });
    }
    folders.retain(|_, bytes| *bytes >= FOLDER_FLOOR_BYTES);
    largest_first(&mut files);
    files.truncate(FILES_SHOWN);
    Ok(Sizes {
        root_bytes,
        release: BTreeMap::new(),
        contributors: entries(contributors),
        folders: entries(folders),
        files,
    })
}

fn contributor<'a>(name: &str, owners: &BTreeMap<&str, &'a str>) -> &'a str {
    if let Some((_, ours)) = OURS.iter().find(|(start, _)| name.starts_with(start)) {
        return ours;
    }
    // Packages' lists may still name /lib and /bin, which are links into /usr.
    let short = name.strip_prefix("usr/").unwrap_or(name);
    owners
        .get(name)
        .or_else(|| owners.get(short))
        .copied()
        .unwrap_or("made at build, and our overlay")
}

fn entries(map: BTreeMap<String, u64>) -> Vec<Entry> {
    let mut entries: Vec<Entry> = map
        .into_iter()
        .map(|(name, bytes)| Entry { name, bytes })
        .collect();
    largest_first(&mut entries);
    entries
}

fn largest_first(entries: &mut [Entry]) {
    entries.sort_by(|a, b| b.bytes.cmp(&a.bytes).then_with(|| a.name.cmp(&b.name)));
}

impl Sizes {
    /// The report for people.
    pub fn text(&self) -> String {
        let mut text = String::from("Release files, MB (1 MB = 1,000,000 bytes)\n");
        let line = |text: &mut String, name: &str, bytes: u64| {
            let _ = writeln!(text, "{:>10.1}  {name}", bytes as f64 / 1e6);
        };
        for (name, bytes) in &self.release {
            line(&mut text, name, *bytes);
        }
        let _ = write!(
            text,
            "\nFiles in the root: {:.1} MB. Contributors of 1 MB and more\n",
            self.root_bytes as f64 / 1e6
        );
        for entry in self
            .contributors
            .iter()
            .filter(|entry| entry.bytes >= FOLDER_FLOOR_BYTES)
        {
            line(&mut text, &entry.name, entry.bytes);
        }
        text.push_str("\nFolders\n");
        for entry in &self.folders {
            line(&mut text, &entry.name, entry.bytes);
        }
        text.push_str("\nLargest files\n");
        for entry in &self.files {
            line(&mut text, &entry.name, entry.bytes);
        }
        text
    }
}

/// `posto-image sizes`.
///
/// # Errors
/// When the release has no size report, or its manifest is not there (the build did not end).
pub fn show(release: &Path, json: bool) -> anyhow::Result<()> {
    let path = release.join("sizes.json");
    let report = place::text(&path, REPORT_LIMIT_BYTES)?;
    let sizes: Sizes = serde_json::from_str(&report)?;
    if json {
        print!("{report}");
    } else {
        print!("{}", sizes.text());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_go_to_packages_once_and_ours_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        place::whole(&root.join("usr/bin/a"), &[0; 10]).unwrap();
        std::fs::hard_link(root.join("usr/bin/a"), root.join("usr/bin/b")).unwrap();
        place::whole(&root.join("usr/lib/x"), &[0; 5]).unwrap();
        place::whole(&root.join("usr/share/tomcat/lib/t.jar"), &[0; 3]).unwrap();
        let owners = dir.path().join("owners");
        place::whole(&owners, b"usr/bin/a\tpack\nusr/bin/b\tpack\nlib/x\told\n").unwrap();
        let sizes = measure(&root, &owners).unwrap();
        let of = |name: &str| {
            sizes
                .contributors
                .iter()
                .find(|e| e.name == name)
                .map(|e| e.bytes)
        };
        assert_eq!(
            (sizes.root_bytes, of("pack"), of("old"), of("Tomcat")),
            (18, Some(10), Some(5), Some(3))
        );
        assert!(sizes.text().contains("Largest files"));
    }
}
