//! Heat: the kernel's sensors (`/sys/class/hwmon`, kernel documentation hwmon/sysfs-interface) against their own limits.

use std::collections::BTreeMap;
use std::path::Path;

use crate::system::durable;

/// More sensors than this are not read.
const COUNT_LIMIT: usize = 64;
/// What a sensor can honestly say, thousandths of a degree.
const HONEST: std::ops::RangeInclusive<i64> = -40_000..=150_000;
/// Limits outside this range are the chip's way of saying that it has none.
const LIMIT: std::ops::RangeInclusive<i64> = 40_000..=130_000;
/// Told this much before the limit, and taken back this much below that: thousandths of a degree.
const BEFORE: i64 = 5_000;

/// One sensor, thousandths of a degree Celsius.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sensor {
    input: i64,
    max: Option<i64>,
    crit: Option<i64>,
}

/// How hot it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) enum Level {
    #[default]
    Normal,
    /// Near or over the chip's maximum.
    Hot,
    /// At the point where hardware begins to switch off.
    Critical,
}

/// The level now; a level is left only [`BEFORE`] below where it begins.
pub(super) fn level(before: Level, sensor: Sensor) -> Level {
    let kept = |at: Level| if before >= at { BEFORE } else { 0 };
    if sensor
        .crit
        .is_some_and(|crit| sensor.input >= crit - kept(Level::Critical))
    {
        return Level::Critical;
    }
    // Some chips give only the critical point; 10 degrees below it fans are at their end.
    let hot = sensor
        .max
        .or(sensor.crit.map(|crit| crit - BEFORE))
        .map(|max| max - BEFORE);
    if hot.is_some_and(|hot| sensor.input >= hot - kept(Level::Hot)) {
        Level::Hot
    } else {
        Level::Normal
    }
}

/// All sensors by chip and number, e.g. `coretemp temp1`; those without any limit say nothing.
pub(super) fn sensors(hwmon: &Path) -> BTreeMap<String, Sensor> {
    let mut found = BTreeMap::new();
    let chips = std::fs::read_dir(hwmon).into_iter().flatten();
    for chip in chips.filter_map(Result::ok).map(|entry| entry.path()) {
        let name = text(&chip.join("name")).unwrap_or_default();
        let files = std::fs::read_dir(&chip).into_iter().flatten();
        for file in files.filter_map(Result::ok) {
            let file = file.file_name();
            let Some(number) = file
                .to_str()
                .and_then(|file| file.strip_prefix("temp")?.strip_suffix("_input"))
                .filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
            else {
                continue;
            };
            let of = |what: &str| value(&chip.join(format!("temp{number}_{what}")));
            let limit = |what: &str| of(what).filter(|limit| LIMIT.contains(limit));
            let (max, crit) = (limit("max"), limit("crit"));
            let Some(input) = of("input").filter(|input| HONEST.contains(input)) else {
                continue;
            };
            if found.len() < COUNT_LIMIT && (max.is_some() || crit.is_some()) {
                found.insert(format!("{name} temp{number}"), Sensor { input, max, crit });
            }
        }
    }
    found
}

/// The hottest sensor, whole degrees Celsius.
pub(crate) fn hottest(hwmon: &Path) -> Option<u64> {
    sensors(hwmon).into_values().map(Sensor::degrees).max()
}

impl Sensor {
    /// Whole degrees, for words.
    pub(super) fn degrees(self) -> u64 {
        u64::try_from(self.input / 1000).unwrap_or(0)
    }
}

fn value(path: &Path) -> Option<i64> {
    text(path)?.parse().ok()
}

fn text(path: &Path) -> Option<String> {
    let bytes = durable::read(path, 4096).ok()??;
    Some(String::from_utf8_lossy(&bytes).trim().to_string())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sensor(input: i64, max: Option<i64>, crit: Option<i64>) -> Sensor {
        Sensor { input, max, crit }
    }

    #[test]
    fn a_core_is_hot_five_degrees_before_its_maximum_and_critical_at_its_critical_point() {
        let core = |before, degrees: i64| {
            level(before, sensor(degrees * 1000, Some(80_000), Some(100_000)))
        };
        assert_eq!(core(Level::Normal, 74), Level::Normal);
        assert_eq!(core(Level::Normal, 75), Level::Hot);
        assert_eq!(core(Level::Hot, 71), Level::Hot, "not taken back at once");
        assert_eq!(core(Level::Hot, 69), Level::Normal);
        assert_eq!(core(Level::Hot, 100), Level::Critical);
        assert_eq!(core(Level::Critical, 96), Level::Critical);
        assert_eq!(core(Level::Critical, 90), Level::Hot);
    }

    #[test]
    fn sensors_are_read_as_the_kernel_lays_them_out_and_nonsense_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let chip = dir.path().join("hwmon0");
        std::fs::create_dir(&chip).unwrap();
        for (file, text) in [
            ("name", "coretemp\n"),
            ("temp1_input", "45000\n"),
            ("temp1_max", "80000\n"),
            ("temp1_crit", "100000\n"),
            ("temp2_input", "999999999\n"),
            ("temp2_max", "80000\n"),
            ("temp3_input", "30000\n"),
            ("temp4_input", "x"),
            ("temp4_max", "0"),
            ("tempx_input", "1"),
            ("fan1_input", "900"),
        ] {
            std::fs::write(chip.join(file), text).unwrap();
        }
        let found = sensors(dir.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(
            found["coretemp temp1"],
            sensor(45_000, Some(80_000), Some(100_000))
        );
        assert!(sensors(&dir.path().join("none")).is_empty());
    }

    proptest! {
        #[test]
        fn hotter_is_never_a_lower_level_and_a_steady_heat_keeps_its_level(input in -40_000i64..150_000, more in 0i64..50_000, max in proptest::option::of(40_000i64..130_000), crit in proptest::option::of(40_000i64..130_000)) {
            for before in [Level::Normal, Level::Hot, Level::Critical] {
                let now = level(before, sensor(input, max, crit));
                prop_assert!(level(before, sensor(input + more, max, crit)) >= now);
                prop_assert_eq!(level(now, sensor(input, max, crit)), now);
            }
        }
    }
}
