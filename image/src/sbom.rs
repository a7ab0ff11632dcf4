//! `sbom.cdx.json`: what is in the release, as CycloneDX 1.6 (cyclonedx.org/schema/bom-1.6.schema.json), the same bytes for the
//! same release.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::artifacts::lock::ArtifactLock;
use crate::debian::lock::Locked;
use crate::erofs::uuid_of;
use crate::place::{self, PlaceError};

/// What the release is made of.
#[derive(Debug)]
pub struct Ingredients<'a> {
    /// Name of the release.
    pub release: &'a str,
    /// Build time, RFC 3339.
    pub built: String,
    /// Debian packages of the root.
    pub debian: &'a BTreeMap<String, Locked>,
    /// What came through Maven.
    pub maven: &'a ArtifactLock,
    /// The unpacked Java side, whose libraries are read.
    pub web: &'a Path,
    /// Text of Cargo.lock.
    pub cargo_lock: &'a str,
}

/// The SBOM could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SbomError {
    /// A file.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// Cargo.lock.
    #[error("Cargo.lock: {0}")]
    Cargo(#[from] toml::de::Error),
}

#[derive(Debug, Deserialize)]
struct CargoLock {
    package: Vec<Crate>,
}

#[derive(Debug, Deserialize)]
struct Crate {
    name: String,
    version: String,
    #[serde(default)]
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

/// The programs of ours that are on the box.
const PROGRAMS: [&str; 2] = ["posto", "posto-bootstrap"];
/// Most of a jar's pom.properties that is read.
const POM_LIMIT_BYTES: u64 = 64 << 10;

/// Makes the SBOM.
///
/// # Errors
/// When Cargo.lock or the web application's libraries cannot be read.
pub fn make(of: &Ingredients<'_>) -> Result<Value, SbomError> {
    let mut components: BTreeMap<String, Value> = BTreeMap::new();
    let mut add = |purl: String, value: Value| {
        components.entry(purl).or_insert(value);
    };
    for package in of.debian.values() {
        let purl = format!(
            "pkg:deb/debian/{}@{}?arch={}&distro=debian-13",
            encoded(&package.name),
            encoded(&package.version),
            package.arch
        );
        add(
            purl.clone(),
            component(
                "library",
                &package.name,
                &package.version,
                &purl,
                Some(&package.sha256),
            ),
        );
    }
    for (coordinate, pin) in &of.maven.pins {
        let mut value = component(
            "library",
            &coordinate.artifact,
            &coordinate.version,
            &coordinate.purl(),
            Some(&pin.sha256),
        );
        set(&mut value, "group", json!(coordinate.group));
        add(coordinate.purl(), value);
    }
    for (purl, value) in java_libraries(of.web)? {
        add(purl, value);
    }
    for package in crates(of.cargo_lock)? {
        let purl = format!("pkg:cargo/{}@{}", package.name, encoded(&package.version));
        add(
            purl.clone(),
            component(
                "library",
                &package.name,
                &package.version,
                &purl,
                package.checksum.as_deref(),
            ),
        );
    }
    Ok(json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": format!("urn:uuid:{}", uuid_of(&format!("posto sbom {}", of.release))),
        "version": 1,
        "metadata": {
            "timestamp": of.built,
            "tools": { "components": [{ "type": "application", "name": "posto-image", "version": env!("CARGO_PKG_VERSION") }] },
            "component": { "type": "operating-system", "bom-ref": "release", "name": "posto", "version": of.release },
        },
        "components": components.into_values().collect::<Vec<_>>(),
    }))
}

fn component(kind: &str, name: &str, version: &str, purl: &str, sha256: Option<&str>) -> Value {
    let mut value =
        json!({ "type": kind, "bom-ref": purl, "name": name, "version": version, "purl": purl });
    if let Some(sha256) = sha256 {
        set(
            &mut value,
            "hashes",
            json!([{ "alg": "SHA-256", "content": sha256 }]),
        );
    }
    value
}

fn set(value: &mut Value, key: &str, to: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(key.to_owned(), to);
    }
}

/// Percent-encodes what package URLs do not take in versions.
fn encoded(text: &str) -> String {
    text.replace('%', "%25")
        .replace('+', "%2B")
        .replace(':', "%3A")
}

/// Libraries inside the web application and Tomcat: named by their own pom.properties, else by their file name.
fn java_libraries(web: &Path) -> Result<Vec<(String, Value)>, SbomError> {
    let mut found = Vec::new();
    for folder in [
        "webapp/WEB-INF/lib",
        "tomcat/lib",
        "distribution/openmrs_modules",
    ] {
        let folder = web.join(folder);
        if !folder.is_dir() {
            continue;
        }
        for path in place::sorted(&folder)? {
            let Some(name) = path
                .file_name()
                .and_then(|name| name.to_str())
                .filter(|_| path.is_file())
            else {
                continue;
            };
            let Some((stem, kind)) = name
                .rsplit_once('.')
                .filter(|(_, kind)| matches!(*kind, "jar" | "omod"))
            else {
                continue;
            };
            let (_, sha256) = place::sha256(&path)?;
            let value = match maven_name(&path) {
                Some((group, artifact, version)) => {
                    let purl = format!("pkg:maven/{group}/{artifact}@{}", encoded(&version));
                    let mut value = component("library", &artifact, &version, &purl, Some(&sha256));
                    set(&mut value, "group", json!(group));
                    (purl, value)
                }
                None => {
                    let digit = |at: usize| {
                        stem.get(at + 1..)
                            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
                    };
                    let cut = stem.match_indices('-').find(|(at, _)| digit(*at));
                    let (short, version) = cut.map_or((stem, "0"), |(at, _)| {
                        (
                            stem.get(..at).unwrap_or(stem),
                            stem.get(at + 1..).unwrap_or("0"),
                        )
                    });
                    let purl = format!(
                        "pkg:generic/{}@{}?type={kind}",
                        encoded(short),
                        encoded(version)
                    );
                    (
                        purl.clone(),
                        component("library", short, version, &purl, Some(&sha256)),
                    )
                }
            };
            found.push(value);
        }
    }
    Ok(found)
}

/// Group, artifact and version from a jar's pom.properties; none when there is none, or several (a shaded jar).
fn maven_name(jar: &Path) -> Option<(String, String, String)> {
    let mut zip =
        zip::ZipArchive::new(std::io::BufReader::new(std::fs::File::open(jar).ok()?)).ok()?;
    let is_pom =
        |name: &str| name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties");
    let names: Vec<String> = zip
        .file_names()
        .filter_map(Result::ok)
        .filter(|name| is_pom(name))
        .map(|name| name.into_owned())
        .collect();
    let [name] = names.as_slice() else {
        return None;
    };
    let mut text = String::new();
    zip.by_name(name)
        .ok()?
        .take(POM_LIMIT_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    let plain = |value: &str| {
        !value.is_empty()
            && value
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b))
    };
    let get = |key: &str| {
        let value = text
            .lines()
            .find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?
            .trim();
        plain(value).then(|| value.to_owned())
    };
    Some((get("groupId")?, get("artifactId")?, get("version")?))
}

/// Crates that our programs on the box are made from. Cargo.lock does not tell what only tests need, so a few too many are named.
fn crates(lock: &str) -> Result<Vec<Crate>, SbomError> {
    let lock: CargoLock = toml::from_str(lock)?;
    let mut wanted: Vec<String> = PROGRAMS.iter().map(|name| (*name).to_owned()).collect();
    let mut reached = std::collections::BTreeSet::new();
    while let Some(next) = wanted.pop() {
        // `name`, or `name version` where several versions are in the lock.
        let mut words = next.split(' ');
        let (name, version) = (words.next().unwrap_or_default(), words.next());
        for package in lock
            .package
            .iter()
            .filter(|p| p.name == name && version.is_none_or(|v| v == p.version))
        {
            if reached.insert((package.name.clone(), package.version.clone())) {
                wanted.extend(package.dependencies.iter().cloned());
            }
        }
    }
    Ok(lock
        .package
        .into_iter()
        .filter(|p| reached.contains(&(p.name.clone(), p.version.clone())))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closure_of_our_programs_is_named_and_nothing_else() {
        let lock = "[[package]]\nname='posto'\nversion='0'\ndependencies=['a 1','b']\n[[package]]\nname='a'\nversion='1'\nchecksum='x'\n\
                    [[package]]\nname='a'\nversion='2'\n[[package]]\nname='b'\nversion='1'\n[[package]]\nname='tests'\nversion='1'\n";
        let named: Vec<String> = crates(lock)
            .unwrap()
            .iter()
            .map(|c| format!("{} {}", c.name, c.version))
            .collect();
        assert_eq!(named, ["posto 0", "a 1", "b 1"]);
    }

    #[test]
    fn a_debian_version_is_encoded_in_its_package_url() {
        assert_eq!(encoded("2:1.02+b1~x"), "2%3A1.02%2Bb1~x");
    }
}
