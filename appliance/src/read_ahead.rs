//! Reads what Java will read, while the database still recovers: on an old disk Java's start is a wait for small reads in the
//! order in which classes happen to be used; read as whole files they cost a fraction.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::places::Places;

/// Less than what the files are today (JDK 170 MB, OpenMRS's libraries 130 MB) would read them in part.
const LIMIT_BYTES: u64 = 512 << 20;
/// Large enough that the disk's head moves little, small enough that the database's reads come in between.
const PIECE_BYTES: usize = 1 << 20;

/// Reads them once and gives the bytes read. What cannot be read is passed over: Java will say it better.
#[must_use]
pub fn run(places: &Places) -> u64 {
    let mut buffer = vec![0; PIECE_BYTES];
    let mut bytes = 0;
    for path in files(places) {
        let Ok(mut file) = File::open(&path) else {
            continue;
        };
        while let Ok(got @ 1..) = file.read(&mut buffer) {
            bytes += got as u64;
            if bytes >= LIMIT_BYTES {
                return bytes;
            }
        }
    }
    bytes
}

/// In the order in which a start needs them: the JVM, its classes, Tomcat, OpenMRS's libraries.
fn files(places: &Places) -> Vec<PathBuf> {
    let java = places.java();
    let mut all = vec![java.join("server/libjvm.so"), java.join("modules")];
    for directory in [
        java,
        places.tomcat().join("bin"),
        places.tomcat().join("lib"),
        places.webapp().join("WEB-INF/lib"),
    ] {
        all.extend(libraries(&directory));
    }
    all
}

fn libraries(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Vec::new();
    };
    let is_library = |path: &PathBuf| {
        path.extension()
            .is_some_and(|name| name == "jar" || name == "so")
    };
    let mut all: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(is_library)
        .collect();
    // The image is written in the order of names: nearly as they lie on the disk.
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_java_needs_first_is_read_first_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        let library = places.webapp().join("WEB-INF/lib");
        for path in [places.java().join("server"), library.clone()] {
            std::fs::create_dir_all(path).unwrap();
        }
        for name in ["b.jar", "a.jar", "readme.txt"] {
            File::create(library.join(name))
                .unwrap()
                .set_len(10)
                .unwrap();
        }
        assert_eq!(run(&places), 20);
        let names: Vec<_> = files(&places)
            .iter()
            .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["libjvm.so", "modules", "a.jar", "b.jar"]);
    }
}
