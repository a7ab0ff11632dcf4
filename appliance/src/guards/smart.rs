//! What the data disk says about itself (SMART). `posto-smart.service` lets smartctl ask the disk as root and keeps its
//! words; `posto-smart-read.service`, without rights, makes one small judgement of them; the daemon reads that.

use serde::{Deserialize, Serialize};

/// smartctl's JSON of one disk is 10-30 KB.
pub const RAW_LIMIT_BYTES: u64 = 512 * 1024;
const HEALTH_LIMIT_BYTES: u64 = 4 * 1024;
/// A disk has two or three dozen attributes.
const ATTRIBUTE_LIMIT: usize = 256;
/// Share of its endurance a solid-state disk has used when a new one should be ordered, percent.
const WORN_PERCENT: u64 = 90;
const NAME_LIMIT: usize = 80;

/// What is known of the disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Health {
    /// Model and serial number, as on its label.
    pub disk: String,
    /// How it is.
    pub verdict: Verdict,
    /// Share of its endurance used, percent, where it says so.
    #[serde(default)]
    pub wear_percent: Option<u8>,
}

/// How a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing to say.
    Good,
    /// It works, but a new one should be ordered.
    Worn {
        /// Of what kind.
        sign: Wear,
        /// How many, or percent.
        figure: u64,
    },
    /// It says itself that it is about to fail.
    Failing,
}

/// Signs of wear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wear {
    /// Sectors that cannot be read now (attributes 197 and 198).
    Unreadable,
    /// Sectors that were replaced by spare ones (attribute 5), or errors of the medium (NVMe).
    Replaced,
    /// Percent of the endurance used (NVMe; attributes 169, 177, 202, 231, 233).
    Endurance,
}

impl Wear {
    /// The text's id.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Unreadable => "wear-unreadable",
            Self::Replaced => "wear-replaced",
            Self::Endurance => "wear-endurance",
        }
    }
}

/// smartctl(8) --json: the few fields that are looked at. Everything may be missing.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Raw {
    model_name: String,
    serial_number: String,
    smart_status: Option<Status>,
    ata_smart_attributes: Option<Attributes>,
    nvme_smart_health_information_log: Option<Nvme>,
}

#[derive(Debug, Deserialize)]
struct Status {
    passed: bool,
}

#[derive(Debug, Deserialize)]
struct Attributes {
    table: Vec<Attribute>,
}

#[derive(Debug, Deserialize)]
struct Attribute {
    id: u64,
    #[serde(default)]
    name: String,
    #[serde(default)]
    value: u64,
    raw: RawValue,
}

#[derive(Debug, Deserialize)]
struct RawValue {
    value: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Nvme {
    critical_warning: u64,
    percentage_used: u64,
    media_errors: u64,
}

/// The judgement out of smartctl's words; `None`: the disk has no SMART (virtual machines), or it is no JSON.
#[must_use]
pub fn judge(raw: &[u8]) -> Option<Health> {
    let raw: Raw = serde_json::from_slice(raw).ok()?;
    let attributes: Vec<Attribute> = raw
        .ata_smart_attributes
        .map(|found| found.table.into_iter().take(ATTRIBUTE_LIMIT).collect())
        .unwrap_or_default();
    let nvme = raw.nvme_smart_health_information_log;
    if raw.smart_status.is_none() && attributes.is_empty() && nvme.is_none() {
        return None;
    }
    let failing = raw.smart_status.is_some_and(|status| !status.passed)
        // NVM Express base specification, SMART / Health Information: any bit is the disk's own cry.
        || nvme.as_ref().is_some_and(|nvme| nvme.critical_warning != 0);
    let verdict = if failing {
        Verdict::Failing
    } else {
        wear(&attributes, nvme.as_ref()).unwrap_or(Verdict::Good)
    };
    let wear_percent = endurance_used(&attributes, nvme.as_ref());
    Some(Health {
        disk: name(&format!("{} {}", raw.model_name, raw.serial_number)),
        verdict,
        wear_percent: wear_percent.and_then(|percent| u8::try_from(percent).ok()),
    })
}

fn wear(attributes: &[Attribute], nvme: Option<&Nvme>) -> Option<Verdict> {
    let raw = |id: u64| {
        attributes
            .iter()
            .find(|attribute| attribute.id == id)
            // The upper bytes of the 48 bits are other counters with some makers.
            .map_or(0, |attribute| attribute.raw.value & 0xffff_ffff)
    };
    let unreadable = raw(197).max(raw(198));
    let replaced = raw(5).max(nvme.map_or(0, |nvme| nvme.media_errors));
    let used = endurance_used(attributes, nvme).unwrap_or(0);
    let worn = |sign, figure| Some(Verdict::Worn { sign, figure });
    if unreadable > 0 {
        worn(Wear::Unreadable, unreadable)
    } else if replaced > 0 {
        worn(Wear::Replaced, replaced)
    } else if used >= WORN_PERCENT {
        worn(Wear::Endurance, used)
    } else {
        None
    }
}

/// Percent, where the disk says.
fn endurance_used(attributes: &[Attribute], nvme: Option<&Nvme>) -> Option<u64> {
    // The normalised value counts down from 100; the number alone means other things with other makers.
    let left = attributes
        .iter()
        .filter(|attribute| matches!(attribute.id, 169 | 177 | 202 | 231 | 233))
        .filter(|attribute| {
            let name = attribute.name.to_lowercase();
            ["wear", "life", "percent"]
                .iter()
                .any(|word| name.contains(word))
        })
        .filter(|attribute| (1..=100).contains(&attribute.value))
        .map(|attribute| 100 - attribute.value)
        .max();
    nvme.map(|nvme| nvme.percentage_used.min(255)).max(left)
}

/// A disk's own words go on screens: one short line of plain characters.
fn name(text: &str) -> String {
    text.trim()
        .chars()
        .filter(|c| c.is_ascii_graphic() || *c == ' ')
        .take(NAME_LIMIT)
        .collect()
}

/// The judgement that the unprivileged step left. What is not one is nothing.
#[must_use]
pub fn read(places: &crate::places::Places) -> Option<Health> {
    let bytes = crate::system::durable::read(&places.smart(), HEALTH_LIMIT_BYTES).ok()??;
    let health: Health = serde_json::from_slice(&bytes).ok()?;
    Some(Health {
        disk: name(&health.disk),
        ..health
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ata(attributes: &str, passed: bool) -> Vec<u8> {
        format!(
            r#"{{"smartctl":{{"version":[7,4]}},"model_name":"WDC WD5000AAKX-001CA0","serial_number":"WD-WCAYUF123456",
            "smart_status":{{"passed":{passed}}},"ata_smart_attributes":{{"revision":16,"table":[{attributes}]}}}}"#
        )
        .into_bytes()
    }

    fn attribute(id: u64, name: &str, value: u64, raw: u64) -> String {
        format!(
            r#"{{"id":{id},"name":"{name}","value":{value},"worst":1,"thresh":0,"when_failed":"","flags":{{"value":50}},"raw":{{"value":{raw},"string":"{raw}"}}}}"#
        )
    }

    #[test]
    fn a_good_disk_is_named_and_has_nothing_to_say() {
        let health = judge(&ata(&attribute(5, "Reallocated_Sector_Ct", 100, 0), true)).unwrap();
        assert_eq!(health.disk, "WDC WD5000AAKX-001CA0 WD-WCAYUF123456");
        assert_eq!(health.verdict, Verdict::Good);
    }

    #[test]
    fn a_disk_that_says_it_fails_is_believed() {
        assert_eq!(judge(&ata("", false)).unwrap().verdict, Verdict::Failing);
        let nvme = br#"{"model_name":"X","smart_status":{"passed":true},"nvme_smart_health_information_log":{"critical_warning":4}}"#;
        assert_eq!(judge(nvme).unwrap().verdict, Verdict::Failing);
    }

    #[test]
    fn signs_of_wear_are_told_by_their_kind() {
        let of = |attributes: &str| judge(&ata(attributes, true)).unwrap().verdict;
        let worn = |sign, figure| Verdict::Worn { sign, figure };
        assert_eq!(
            of(&attribute(197, "Current_Pending_Sector", 200, 8)),
            worn(Wear::Unreadable, 8)
        );
        assert_eq!(
            of(&attribute(5, "Reallocated_Sector_Ct", 180, 24)),
            worn(Wear::Replaced, 24)
        );
        assert_eq!(
            of(&attribute(231, "SSD_Life_Left", 6, 6)),
            worn(Wear::Endurance, 94)
        );
        assert_eq!(
            of(&attribute(231, "Temperature_Celsius", 6, 6)),
            Verdict::Good,
            "the same number with another maker"
        );
        let nvme = br#"{"nvme_smart_health_information_log":{"critical_warning":0,"percentage_used":97,"media_errors":0}}"#;
        assert_eq!(judge(nvme).unwrap().verdict, worn(Wear::Endurance, 97));
    }

    #[test]
    fn a_disk_without_smart_is_no_news() {
        assert_eq!(
            judge(br#"{"model_name":"QEMU HARDDISK","smart_support":{"available":false}}"#),
            None
        );
        assert_eq!(judge(b"not json"), None);
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_judgement(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = judge(&bytes);
        }

        #[test]
        fn nor_do_torn_or_changed_words_of_smartctl(at in 0usize..600, byte in any::<u8>(), cut in 0usize..600) {
            let mut words = ata(&attribute(5, "Reallocated_Sector_Ct", 180, 24), true);
            let end = words.len();
            words[at % end] = byte;
            words.truncate(cut.max(1).min(end));
            if let Some(health) = judge(&words) {
                prop_assert!(health.disk.len() <= NAME_LIMIT && !health.disk.contains(char::is_control));
            }
        }
    }
}
