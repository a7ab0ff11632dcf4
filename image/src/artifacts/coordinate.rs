//! Maven coordinates.

use std::fmt;

/// One artifact: `group:artifact:version:type`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coordinate {
    /// groupId.
    pub group: String,
    /// artifactId.
    pub artifact: String,
    /// version.
    pub version: String,
    /// type: `jar`, `omod`, `war`, `zip`, `tar.gz`.
    pub kind: String,
}

impl Coordinate {
    /// Reads `group:artifact:version:type`; none when a part is empty or has characters that Maven's coordinates do not have
    /// (they become parts of file names and of XML).
    pub fn parse(text: &str) -> Option<Self> {
        let parts: Vec<&str> = text.split(':').collect();
        let [group, artifact, version, kind] = parts.as_slice() else {
            return None;
        };
        let plain = |part: &&str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b))
        };
        parts.iter().all(plain).then(|| Self {
            group: (*group).to_owned(),
            artifact: (*artifact).to_owned(),
            version: (*version).to_owned(),
            kind: (*kind).to_owned(),
        })
    }

    /// The file's name in a Maven repository.
    pub fn file_name(&self) -> String {
        format!("{}-{}.{}", self.artifact, self.version, self.kind)
    }

    /// The package URL, as SBOMs have it.
    pub fn purl(&self) -> String {
        let kind = if self.kind == "jar" {
            String::new()
        } else {
            format!("?type={}", self.kind)
        };
        format!(
            "pkg:maven/{}/{}@{}{kind}",
            self.group,
            self.artifact,
            self.version.replace('+', "%2B")
        )
    }
}

impl fmt::Display for Coordinate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}:{}",
            self.group, self.artifact, self.version, self.kind
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coordinates_read_back_and_what_would_leave_a_folder_is_refused() {
        let coordinate = Coordinate::parse("org.apache.tomcat:tomcat:9.0.117:tar.gz").unwrap();
        assert_eq!(
            Coordinate::parse(&coordinate.to_string()),
            Some(coordinate.clone())
        );
        assert_eq!(coordinate.file_name(), "tomcat-9.0.117.tar.gz");
        for bad in [
            "a:b:1",
            "a:b::jar",
            "a:b:../1:jar",
            "a:b:<x>:jar",
            "a:b:..:jar",
        ] {
            assert_eq!(Coordinate::parse(bad), None, "{bad}");
        }
    }
}
