//! facility.toml: one site's identity and settings, typed. A file that cannot be used never stops the clinic: the
//! image's default is taken and an alarm says why.

mod boxes;
mod copies;
mod hub;
mod network;
mod releases;
mod snapshots;
mod ssh;
mod unknown_keys;
mod ups;

pub use boxes::KnownBox;
pub use copies::{Copies, Target};
pub use hub::Hub;
pub use network::{Address, Network};
pub use releases::{Releases, Updates};
pub use snapshots::{Snapshots, TimeOfDay};
pub use ssh::Ssh;
pub use ups::Ups;

use serde::{Deserialize, Serialize};

use crate::alarms::Alarm;
use crate::places::Places;
use crate::system::durable;
use crate::technician;
use crate::texts::Language;

/// Largest facility file read.
const LIMIT_BYTES: u64 = 64 * 1024;

/// The facility file's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Facility {
    /// The site's id and the box's host name: small letters, digits, dashes, at most 63.
    pub id: String,
    /// The facility's name, as people say it.
    pub name: String,
    /// IANA time zone, e.g. `Africa/Maputo`.
    pub time_zone: String,
    /// Language of screens and pages.
    pub language: Language,
    /// Layout of the keyboard at the box.
    pub keyboard: Keyboard,
    /// The wired network.
    pub network: Network,
    /// The programme that the facility belongs to.
    pub programme: Programme,
    /// How often snapshots are taken, how many stay.
    pub snapshots: Snapshots,
    /// Where copies of snapshots go; `None`: nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copies: Option<Copies>,
    /// Whether, and how early, the box takes new releases by itself.
    pub updates: Updates,
    /// Where new releases come from.
    #[serde(skip_serializing_if = "Releases::is_usual")]
    pub releases: Releases,
    /// The facility's boxes, this one or others, of now or before.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<KnownBox>,
    /// Who may come in from a distance.
    #[serde(skip_serializing_if = "Ssh::is_off")]
    pub ssh: Ssh,
    /// The battery's server, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ups: Option<Ups>,
    /// The province's hub; `None`: the box tells nobody how it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hub: Option<Hub>,
}

/// A keyboard's layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Keyboard {
    /// Portuguese.
    #[default]
    Pt,
    /// Brazilian (ABNT2).
    Br,
    /// United States.
    Us,
}

/// What the box needs to know of its programme.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Programme {
    /// The age key (`age1...`) to which what only the programme may read is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age_recipient: Option<String>,
}

impl Default for Facility {
    fn default() -> Self {
        Self {
            id: "posto".to_string(),
            name: "Posto".to_string(),
            time_zone: "Africa/Maputo".to_string(),
            language: Language::Pt,
            keyboard: Keyboard::default(),
            network: Network::default(),
            programme: Programme::default(),
            snapshots: Snapshots::default(),
            copies: None,
            updates: Updates::default(),
            releases: Releases::default(),
            boxes: Vec::new(),
            ssh: Ssh::default(),
            ups: None,
            hub: None,
        }
    }
}

/// Why a facility file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FacilityError {
    /// It cannot be read.
    #[error("{0}")]
    File(#[from] durable::DurableError),
    /// It is not UTF-8.
    #[error("it is not text in UTF-8")]
    NotText,
    /// It is not TOML, or a value has the wrong form.
    #[error("{}", one_line(.0))]
    Toml(#[from] toml::de::Error),
    /// A key nobody knows.
    #[error("unknown key '{key}'{}", did_you_mean(.nearest.as_deref()))]
    UnknownKey {
        /// With its table, e.g. `network.gatway`.
        key: String,
        /// The known key nearest to it.
        nearest: Option<String>,
    },
    /// A value that cannot be.
    #[error("{key} = '{value}': {rule}")]
    Value {
        /// The key.
        key: &'static str,
        /// What stands there.
        value: String,
        /// What would be right.
        rule: &'static str,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| {
        format!("; did you mean '{nearest}'?")
    })
}

fn one_line(error: &toml::de::Error) -> String {
    let text = error.to_string();
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

impl Facility {
    /// Reads a facility file's text.
    ///
    /// # Errors
    /// [`FacilityError`], naming the key and what would be right.
    pub fn parse(text: &str) -> Result<Self, FacilityError> {
        let table: toml::Table = toml::from_str(text)?;
        unknown_keys::refuse(&table)?;
        let facility: Self = toml::from_str(text)?;
        facility.check()?;
        Ok(facility)
    }

    fn check(&self) -> Result<(), FacilityError> {
        let wrong = |key, value: &str, rule| FacilityError::Value {
            key,
            value: value.to_string(),
            rule,
        };
        let id = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !(1..=63).contains(&self.id.len())
            || !self.id.bytes().all(id)
            || self.id.starts_with('-')
            || self.id.ends_with('-')
        {
            return Err(wrong(
                "id",
                &self.id,
                "1 to 63 small letters, digits and dashes, no dash at the ends",
            ));
        }
        if self.name.trim().is_empty()
            || self.name.chars().count() > 200
            || self.name.chars().any(char::is_control)
        {
            return Err(wrong("name", &self.name, "1 to 200 characters on one line"));
        }
        let zone = |part: &str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_+-".contains(&b))
        };
        if self.time_zone.len() > 64 || !self.time_zone.split('/').all(zone) {
            return Err(wrong(
                "time_zone",
                &self.time_zone,
                "a name like Africa/Maputo",
            ));
        }
        if let Some(recipient) = &self.programme.age_recipient
            && technician::check_recipient(recipient).is_err()
        {
            return Err(wrong(
                "programme.age_recipient",
                recipient,
                "an age key that begins with age1 (age-keygen -y prints it)",
            ));
        }
        self.snapshots.check()?;
        boxes::check(&self.boxes)?;
        if let Some(copies) = &self.copies {
            copies.check()?;
        }
        self.releases.check()?;
        self.ssh.check()?;
        if let Some(ups) = &self.ups {
            ups.check()?;
        }
        if let Some(hub) = &self.hub {
            hub.check()?;
        }
        self.network.check()
    }

    /// As it may be shown to anybody.
    #[must_use]
    pub fn without_secrets(mut self) -> Self {
        if let Some(ups) = &mut self.ups {
            ups.password = "***".to_string();
        }
        self
    }
}

/// The facility in force, and the alarm when a file could not be used.
#[must_use]
pub fn in_force(places: &Places) -> (Facility, Option<Alarm>) {
    let mut alarm = None;
    for (path, code) in [
        (places.facility(), "facility-file"),
        (places.facility_default(), "facility-default"),
    ] {
        let read = durable::read(&path, LIMIT_BYTES)
            .map_err(FacilityError::from)
            .and_then(|bytes| {
                bytes
                    .map(|bytes| String::from_utf8(bytes).map_err(|_| FacilityError::NotText))
                    .transpose()
            })
            .and_then(|text| text.map(|text| Facility::parse(&text)).transpose())
            .and_then(|facility| match facility {
                Some(facility) if !places.zoneinfo().join(&facility.time_zone).is_file() => {
                    Err(FacilityError::Value {
                        key: "time_zone",
                        value: facility.time_zone,
                        rule: "this time zone is not known",
                    })
                }
                other => Ok(other),
            });
        match read {
            Ok(Some(facility)) => return (facility, alarm),
            Ok(None) => {}
            Err(error) => {
                alarm.get_or_insert_with(|| {
                    Alarm::new(code, &[("reason", error.to_string().into())])
                });
            }
        }
    }
    (Facility::default(), alarm)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_whole_file_is_read() {
        let facility = Facility::parse(
            "id = 'cs-namacurra'\nname = 'Centro de Saúde de Namacurra'\ntime_zone = 'Africa/Maputo'\nlanguage = 'en'\n\
             [network]\ndhcp = false\naddress = '192.168.1.10/24'\ngateway = '192.168.1.1'\ndns = ['192.168.1.1']\n",
        )
        .unwrap();
        assert_eq!(facility.id, "cs-namacurra");
        assert_eq!(facility.language, Language::En);
        assert_eq!(
            facility.network.address.unwrap().to_string(),
            "192.168.1.10/24"
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        let error = Facility::parse("timezone = 'Africa/Maputo'")
            .unwrap_err()
            .to_string();
        assert_eq!(error, "unknown key 'timezone'; did you mean 'time_zone'?");
        let error = Facility::parse("[network]\ngatway = '1.2.3.4'")
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "unknown key 'network.gatway'; did you mean 'network.gateway'?"
        );
    }

    #[test]
    fn values_that_would_break_other_files_are_refused() {
        for text in [
            "id = 'a b'",
            "id = ''",
            "id = '-a'",
            "name = ''",
            "name = \"a\\nb\"",
            "time_zone = '../../etc/passwd'",
            "time_zone = '/etc'",
            "language = 'fr'",
            "id = 3",
            "keyboard = 'de'",
            "[programme]\nage_recipient = 'age1xyz'",
            "[network]\ndhcp = false",
            "[network]\naddress = '10.0.0.1/33'",
            "[network]\naddress = '10.0.0.1'",
            "[network]\ninterface = 'a\\n[Network]'",
        ] {
            assert!(Facility::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_bad_file_gives_the_images_default_and_an_alarm_never_a_dead_clinic() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        for path in [
            places.posto(),
            places.zoneinfo().join("Africa"),
            dir.path().join("etc/posto"),
        ] {
            std::fs::create_dir_all(path).unwrap();
        }
        std::fs::write(places.zoneinfo().join("Africa/Maputo"), "").unwrap();
        assert_eq!(in_force(&places), (Facility::default(), None));
        std::fs::write(places.facility_default(), "id = 'image'").unwrap();
        std::fs::write(places.facility(), "id = 'site'").unwrap();
        assert_eq!(in_force(&places).0.id, "site");
        for bad in ["id = ", "idd = 'x'", "time_zone = 'Africa/Nowhere'", "\0"] {
            std::fs::write(places.facility(), bad).unwrap();
            let (facility, alarm) = in_force(&places);
            assert_eq!(facility.id, "image");
            assert_eq!(alarm.unwrap().code, "facility-file");
        }
        std::fs::write(places.facility(), vec![b'#'; 100_000]).unwrap();
        assert_eq!(in_force(&places).1.unwrap().code, "facility-file");
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_reader(text in "\\PC{0,300}") {
            let _ = Facility::parse(&text);
        }

        #[test]
        fn what_is_written_is_read(id in "[a-z0-9]{1,20}", name in "[\\PC&&[^\\\\]]{1,30}", dhcp in any::<bool>()) {
            let mut facility = Facility { id, name, ..Facility::default() };
            facility.network.dhcp = dhcp;
            facility.network.address = (!dhcp).then(|| "10.1.2.3/8".parse().unwrap());
            prop_assume!(facility.check().is_ok());
            let text = toml::to_string(&facility).unwrap();
            prop_assert_eq!(Facility::parse(&text).unwrap(), facility);
        }
    }
}
