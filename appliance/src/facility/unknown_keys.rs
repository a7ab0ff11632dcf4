//! Keys nobody knows are refused with the nearest known one: a misspelt key must not silently mean the default.

use super::FacilityError;

const KNOWN: [&str; 45] = [
    "id",
    "name",
    "time_zone",
    "language",
    "keyboard",
    "network",
    "network.dhcp",
    "network.interface",
    "network.address",
    "network.gateway",
    "network.dns",
    "programme",
    "programme.age_recipient",
    "snapshots",
    "snapshots.every_minutes",
    "snapshots.hourly",
    "snapshots.daily",
    "snapshots.weekly",
    "snapshots.monthly",
    "snapshots.quiet_from",
    "snapshots.quiet_to",
    "copies",
    "copies.to",
    "copies.keep",
    "copies.alarm_days",
    "updates",
    "releases",
    "releases.mirrors",
    "releases.channel",
    "releases.megabytes_a_month",
    "releases.authorities",
    "boxes",
    "ssh",
    "ssh.keys",
    "ups",
    "ups.monitor",
    "ups.user",
    "ups.password",
    "hub",
    "hub.key",
    "hub.udp",
    "hub.https",
    "hub.authority",
    "hub.every_minutes",
    "hub.budget_mb",
];
/// Below this likeness (Jaro-Winkler) a suggestion would only puzzle.
const ALIKE: f64 = 0.7;

pub(super) fn refuse(table: &toml::Table) -> Result<(), FacilityError> {
    for (key, value) in table {
        known(key)?;
        if let toml::Value::Table(inner) = value {
            for name in inner.keys() {
                known(&format!("{key}.{name}"))?;
            }
        }
    }
    Ok(())
}

fn known(key: &str) -> Result<(), FacilityError> {
    if KNOWN.contains(&key) {
        return Ok(());
    }
    let nearest = KNOWN
        .iter()
        .map(|known| (strsim::jaro_winkler(&key.to_lowercase(), known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, known)| (*known).to_string());
    Err(FacilityError::UnknownKey {
        key: key.chars().take(80).collect(),
        nearest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_facility_is_known() {
        let mut facility = super::super::Facility::default();
        facility.network.interface = Some("eth0".into());
        facility.network.address = Some("10.0.0.1/8".parse().unwrap());
        facility.network.gateway = Some("10.0.0.2".parse().unwrap());
        facility.network.dns = vec!["10.0.0.2".parse().unwrap()];
        facility.programme.age_recipient = Some("age1".into());
        facility.copies = Some(super::super::Copies {
            to: "usb".parse().unwrap(),
            keep: 7,
            alarm_days: 3,
        });
        facility.releases.mirrors = vec!["https://releases.example.org".into()];
        facility.releases.authorities = Some("x".into());
        facility.boxes = vec![super::super::KnownBox {
            key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
                .parse()
                .unwrap(),
            name: String::new(),
        }];
        facility.ssh.keys = vec!["ssh-ed25519 AAAA".parse().unwrap()];
        facility.ups = Some(super::super::Ups {
            monitor: "a@h".into(),
            user: "u".into(),
            password: "p".into(),
        });
        facility.hub = Some(super::super::Hub {
            key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
                .parse()
                .unwrap(),
            udp: Some("10.0.0.3:4477".parse().unwrap()),
            https: Some("https://hub.example.org/".into()),
            authority: Some("-----".into()),
            every_minutes: 15,
            budget_mb: 5,
        });
        let text = toml::to_string(&facility).unwrap();
        let table: toml::Table = toml::from_str(&text).unwrap();
        refuse(&table).unwrap();
        let count = table.len()
            + table
                .values()
                .filter_map(toml::Value::as_table)
                .map(toml::Table::len)
                .sum::<usize>();
        assert_eq!(
            count,
            KNOWN.len(),
            "a key is missing in KNOWN or in this test: {text}"
        );
    }

    #[test]
    fn nothing_alike_gives_no_suggestion() {
        let error = known("xyzzy").unwrap_err().to_string();
        assert_eq!(error, "unknown key 'xyzzy'");
    }
}
