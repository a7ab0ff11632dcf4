//! `openmrs-distro.properties`, in the format of the OpenMRS SDK (openmrs-sdk, BaseSdkProperties), with keys of our own:
//! `repository.<name>=URL` and `posto.stand_in=true`.

use std::collections::BTreeMap;

use crate::artifacts::coordinate::Coordinate;

/// What a part of the distro is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The web application.
    War,
    /// A module.
    Omod,
    /// An open web app.
    Owa,
    /// Configuration, unzipped as it is.
    Config,
    /// A content package: configuration below a name of its own.
    Content,
    /// The front end.
    Spa,
}

/// One part, to be resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it is.
    pub part: Part,
    /// The key's own name (`webservices.rest`), for file names and content namespaces.
    pub name: String,
    /// Where Maven has it.
    pub coordinate: Coordinate,
    /// Folder inside a SPA archive that holds the files.
    pub includes: Option<String>,
}

/// A distro file, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DistroFile {
    /// The distro's name.
    pub name: String,
    /// The distro's version.
    pub version: String,
    /// It is the project's stand-in and not OpenMRS.
    pub stand_in: bool,
    /// What it consists of, in the order of the keys.
    pub items: Vec<Item>,
    /// Maven repositories besides the user's.
    pub repositories: BTreeMap<String, String>,
    /// Keys that mean nothing here, for the person to see.
    pub not_honoured: Vec<String>,
}

/// The file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PropertiesError {
    /// Not the properties format.
    #[error("not a properties file: {0}")]
    Format(#[from] java_properties::PropertiesError),
    /// Something that changes what would be built, and is not supported.
    #[error("the key {key} cannot be honoured: {why}")]
    Refused {
        /// The key.
        key: String,
        /// The reason and what to do.
        why: &'static str,
    },
    /// A value that is no version or coordinate.
    #[error(
        "{key}={value} is not a plain version (Maven placeholders must be filled in: take the distro file that the distro's own build has made)"
    )]
    Value {
        /// The key.
        key: String,
        /// The value.
        value: String,
    },
}

const ATTRIBUTES: [&str; 7] = [
    "artifactId",
    "groupId",
    "version",
    "type",
    "includes",
    "namespace",
    "vars",
];

impl DistroFile {
    /// Reads a distro file's text.
    ///
    /// # Errors
    /// When it is no properties file, or asks for what cannot be honoured.
    pub fn parse(text: &str) -> Result<Self, PropertiesError> {
        let keys: BTreeMap<String, String> = java_properties::read(text.as_bytes())?
            .into_iter()
            .map(|(k, v)| (k, v.trim().to_owned()))
            .collect();
        let get = |key: &str| keys.get(key).cloned();
        let mut file = Self {
            name: get("name").unwrap_or_else(|| "openmrs".to_owned()),
            version: get("version")
                .or_else(|| get("war.openmrs"))
                .unwrap_or_else(|| "0".to_owned()),
            stand_in: get("posto.stand_in").as_deref() == Some("true"),
            items: Vec::new(),
            repositories: BTreeMap::new(),
            not_honoured: Vec::new(),
        };
        for (key, value) in &keys {
            let (head, rest) = key.split_once('.').unwrap_or((key, ""));
            let attribute = key
                .rsplit('.')
                .next()
                .is_some_and(|last| ATTRIBUTES.contains(&last));
            let part = match head {
                "war" => Part::War,
                "omod" => Part::Omod,
                "owa" => Part::Owa,
                "config" => Part::Config,
                "content" => Part::Content,
                "spa" => {
                    if attribute && ATTRIBUTES.contains(&rest) {
                        continue;
                    }
                    let why = "a front end is not built here, only taken ready-made: give it as spa.groupId, spa.artifactId, spa.version, \
                               or as a folder openmrs_spa";
                    return Err(PropertiesError::Refused {
                        key: key.clone(),
                        why,
                    });
                }
                "distro" | "parent" => {
                    let why = "distros that inherit from others are not resolved here: give the whole distro file (mvn openmrs-sdk:build-distro \
                               writes it), or the folder that it builds";
                    return Err(PropertiesError::Refused {
                        key: key.clone(),
                        why,
                    });
                }
                "repository" if !rest.is_empty() => {
                    file.repositories.insert(rest.to_owned(), value.clone());
                    continue;
                }
                _ => {
                    if !matches!(key.as_str(), "name" | "version" | "posto.stand_in") {
                        file.not_honoured.push(key.clone());
                    }
                    continue;
                }
            };
            if attribute {
                let of = key.rsplit_once('.').map(|(of, _)| of).unwrap_or_default();
                let known = !key.ends_with(".vars") && !key.ends_with(".includes");
                if !keys.contains_key(of) || !known {
                    file.not_honoured.push(key.clone());
                }
                continue;
            }
            file.items.push(item(part, key, rest, value, &get)?);
        }
        if let Some(artifact) = get("spa.artifactId") {
            let kind = get("spa.type").unwrap_or_else(|| "zip".to_owned());
            let text = format!(
                "{}:{artifact}:{}:{kind}",
                get("spa.groupId").unwrap_or_default(),
                get("spa.version").unwrap_or_default()
            );
            let coordinate = Coordinate::parse(&text).ok_or_else(|| PropertiesError::Value {
                key: "spa".to_owned(),
                value: text.clone(),
            })?;
            file.items.push(Item {
                part: Part::Spa,
                name: artifact,
                coordinate,
                includes: get("spa.includes"),
            });
        }
        Ok(file)
    }
}

fn item(
    part: Part,
    key: &str,
    name: &str,
    version: &str,
    get: &impl Fn(&str) -> Option<String>,
) -> Result<Item, PropertiesError> {
    let attribute = |attribute: &str| get(&format!("{key}.{attribute}"));
    let (group, artifact, kind) = match part {
        Part::War => ("org.openmrs.web", format!("{name}-webapp"), "war"),
        Part::Omod => ("org.openmrs.module", format!("{name}-omod"), "jar"),
        Part::Owa => ("org.openmrs.owa", name.to_owned(), "zip"),
        Part::Config => ("org.openmrs.distro", name.to_owned(), "zip"),
        Part::Content | Part::Spa => ("org.openmrs.content", name.to_owned(), "zip"),
    };
    let text = format!(
        "{}:{}:{version}:{}",
        attribute("groupId").unwrap_or_else(|| group.to_owned()),
        attribute("artifactId").unwrap_or(artifact),
        attribute("type").unwrap_or_else(|| kind.to_owned())
    );
    let coordinate = Coordinate::parse(&text).ok_or_else(|| PropertiesError::Value {
        key: key.to_owned(),
        value: version.to_owned(),
    })?;
    let name = if part == Part::Content {
        attribute("namespace").unwrap_or_else(|| name.to_owned())
    } else {
        name.to_owned()
    };
    Ok(Item {
        part,
        name,
        coordinate,
        includes: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coordinates(text: &str) -> Vec<String> {
        DistroFile::parse(text)
            .unwrap()
            .items
            .iter()
            .map(|item| item.coordinate.to_string())
            .collect()
    }

    #[test]
    fn the_sdks_defaults_and_overrides_give_the_same_coordinates_as_the_sdk() {
        assert_eq!(
            coordinates(
                "name=D\nversion=1\nwar.openmrs=2.8.9\nomod.webservices.rest=2.44.0\nomod.event=4.0.0\nomod.event.groupId=org.openmrs\n\
                 omod.serialization.xstream=0.2.16\nomod.serialization.xstream.type=omod\nowa.orderentry=1.2.5\n\
                 spa.artifactId=f\nspa.groupId=g\nspa.version=1.3.0\nspa.includes=f-1.3.0\n"
            ),
            [
                "org.openmrs:event-omod:4.0.0:jar",
                "org.openmrs.module:serialization.xstream-omod:0.2.16:omod",
                "org.openmrs.module:webservices.rest-omod:2.44.0:jar",
                "org.openmrs.owa:orderentry:1.2.5:zip",
                "org.openmrs.web:openmrs-webapp:2.8.9:war",
                "g:f:1.3.0:zip",
            ]
        );
    }

    #[test]
    fn keys_without_meaning_here_are_named_and_ours_are_taken() {
        let file = DistroFile::parse(
            "war.openmrs=2.8.9\ndb.h2.supported=false\ndb.sql=classpath\\://x.sql\nomod.gone.groupId=x\nrepository.openmrs=https\\://m/p\n\
             posto.stand_in=true\n",
        )
        .unwrap();
        assert_eq!(
            file.not_honoured,
            ["db.h2.supported", "db.sql", "omod.gone.groupId"]
        );
        assert_eq!(file.repositories["openmrs"], "https://m/p");
        assert!(file.stand_in);
        assert_eq!(file.version, "2.8.9");
    }

    #[test]
    fn what_would_change_the_distro_and_cannot_be_honoured_is_refused_by_name() {
        for (text, named) in [
            (
                "distro.referenceapplication=3.0.0",
                "distro.referenceapplication",
            ),
            (
                "spa.frontendModules.@openmrs/esm-login-app=3.2.0",
                "spa.frontendModules",
            ),
            ("war.openmrs=${openmrs.version}", "war.openmrs"),
        ] {
            let error = DistroFile::parse(text).unwrap_err().to_string();
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn the_shipped_distros_are_understood_completely() {
        for text in [
            include_str!("../../distros/platform-2.8.9/openmrs-distro.properties"),
            include_str!("../../distros/mozambique-epts/openmrs-distro.properties"),
        ] {
            let file = DistroFile::parse(text).unwrap();
            assert_eq!(file.not_honoured, [""; 0]);
            assert!(
                file.items.iter().any(|item| item.coordinate.to_string()
                    == "org.openmrs.web:openmrs-webapp:2.8.9:war")
            );
            assert!(!file.repositories.is_empty() && !file.stand_in);
        }
    }
}
