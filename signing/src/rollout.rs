//! Which release a box takes, and when: what the publisher signs about each release, and the box's decision.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::metadata::{TargetFile, Targets};
use crate::time;
use crate::workflow::Verified;

mod ways;

pub use ways::{PATCH, WHOLE, Way, patch_path, patches_prefix, pieces_path, ways};

/// Where in a target's `custom` this stands.
pub const CUSTOM: &str = "posto";
/// Rings are 0 (first) to 99 (last); a release at 10 percent goes to rings 0 to 9.
pub const RINGS: u8 = 100;
/// Before the ring's hash, so that it is no other hash of the same id.
const RING_DOMAIN: &[u8] = b"posto ring\0";

/// What is signed about a release, in the `custom` of its `releases/ID/manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// The release.
    pub release: String,
    /// When its image was built, unix seconds: releases are ordered by it.
    pub built_s: i64,
    /// Who follows it: `stable`, `pilot`, ...
    pub channel: String,
    /// Not before this time, `YYYY-MM-DDTHH:MM:SSZ`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<String>,
    /// For how many of a hundred facilities.
    pub percent: u8,
    /// Least memory, MiB.
    pub minimum_memory_mib: u64,
    /// Least disk, bytes.
    pub minimum_disk_bytes: u64,
    /// Whether it goes out.
    pub standing: Standing,
}

/// Whether a release goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    /// It does.
    Offered,
    /// Not for now: boxes wait for it.
    Paused,
    /// Never again: boxes pass it over.
    Withdrawn,
}

/// `updates = ` in the facility file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updates {
    /// In the ring that the facility's id falls into.
    Auto,
    /// None.
    Hold,
    /// In this ring.
    Ring(u8),
}

/// The box that decides, at its site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site<'a> {
    /// Of the facility file.
    pub facility: &'a str,
    /// Of the facility file.
    pub updates: Updates,
    /// Of the facility file.
    pub channel: &'a str,
    /// MiB.
    pub memory_mib: u64,
    /// Bytes.
    pub disk_bytes: u64,
    /// The greater of the running image's build time and the newest ever run: nothing that is not newer is taken.
    pub floor_built_s: i64,
    /// The best known time, unix seconds ([`time::Clues`]).
    pub now_s: i64,
}

/// What the box does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Fetches this release.
    Take(Rollout),
    /// Waits for this one.
    Wait(Rollout, Waiting),
    /// There is nothing newer for it.
    UpToDate,
}

/// Why a box waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// The facility file says so.
    Held,
    /// The publisher paused it.
    Paused,
    /// Its time has not come.
    NotBefore,
    /// It goes to fewer rings so far; the box's own.
    Ring(u8),
    /// The box is too small.
    TooSmall,
}

impl Waiting {
    /// As texts and programs name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Paused => "paused",
            Self::NotBefore => "not-before",
            Self::Ring(_) => "ring",
            Self::TooSmall => "too-small",
        }
    }
}

impl std::fmt::Display for Waiting {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Held => formatter.write_str("held by the facility file"),
            Self::Paused => formatter.write_str("paused"),
            Self::NotBefore => formatter.write_str("its time has not come"),
            Self::Ring(ring) => write!(formatter, "ring {ring} is not served yet"),
            Self::TooSmall => formatter.write_str("the box is too small"),
        }
    }
}

/// The ring of a facility: by a hash of its id, so that it needs nobody to hand rings out.
#[must_use]
pub fn ring(facility: &str) -> u8 {
    let mut hash = Sha256::new();
    hash.update(RING_DOMAIN);
    hash.update(facility.as_bytes());
    let number = hash
        .finalize()
        .iter()
        .take(8)
        .fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    u8::try_from(number % u64::from(RINGS)).unwrap_or_default()
}

/// The releases that the verified targets name, the oldest first. One whose terms this program cannot read is not one
/// for it.
#[must_use]
pub fn releases(targets: &Verified<Targets>) -> Vec<Rollout> {
    among(&targets.targets)
}

pub(crate) fn among(targets: &BTreeMap<String, TargetFile>) -> Vec<Rollout> {
    let mut releases: Vec<Rollout> = targets
        .iter()
        .filter_map(|(path, file)| {
            let terms = Rollout::of(&file.custom)?;
            (manifest_path(&terms.release) == *path).then_some(terms)
        })
        .collect();
    releases.sort_by_key(|terms| terms.built_s);
    releases
}

/// Where a release's manifest is among the targets.
#[must_use]
pub fn manifest_path(release: &str) -> String {
    format!("releases/{release}/manifest.json")
}

impl Rollout {
    /// The terms in a target's `custom`.
    #[must_use]
    pub fn of(custom: &Value) -> Option<Self> {
        let terms = Self::deserialize(custom.get(CUSTOM)?).ok()?;
        let timed = terms
            .not_before
            .as_deref()
            .is_none_or(|text| time::read(text).is_some());
        (timed && terms.percent <= RINGS).then_some(terms)
    }

    fn waiting(&self, this: &Site<'_>) -> Option<Waiting> {
        let ring = match this.updates {
            Updates::Hold => return Some(Waiting::Held),
            Updates::Auto => ring(this.facility),
            Updates::Ring(ring) => ring,
        };
        if self.standing == Standing::Paused {
            return Some(Waiting::Paused);
        }
        if this.memory_mib < self.minimum_memory_mib || this.disk_bytes < self.minimum_disk_bytes {
            return Some(Waiting::TooSmall);
        }
        let begins_s = self.not_before.as_deref().and_then(time::read);
        if begins_s.is_some_and(|begins_s| this.now_s < begins_s) {
            return Some(Waiting::NotBefore);
        }
        (ring >= self.percent).then_some(Waiting::Ring(ring))
    }
}

/// The newest release that the box may take now; else the newest that it waits for.
#[must_use]
pub fn decide(releases: &[Rollout], this: &Site<'_>) -> Decision {
    let mut newer: Vec<&Rollout> = releases
        .iter()
        .filter(|terms| {
            terms.built_s > this.floor_built_s
                && terms.channel == this.channel
                && terms.standing != Standing::Withdrawn
        })
        .collect();
    newer.sort_by_key(|terms| std::cmp::Reverse(terms.built_s));
    let mut waits = None;
    for terms in newer {
        match terms.waiting(this) {
            None => return Decision::Take(terms.clone()),
            Some(why) => {
                waits.get_or_insert_with(|| Decision::Wait(terms.clone(), why));
            }
        }
    }
    waits.unwrap_or(Decision::UpToDate)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn terms(release: &str, built_s: i64, percent: u8) -> Rollout {
        Rollout {
            release: release.to_owned(),
            built_s,
            channel: "stable".to_owned(),
            not_before: None,
            percent,
            minimum_memory_mib: 3_500,
            minimum_disk_bytes: 100,
            standing: Standing::Offered,
        }
    }

    fn this(updates: Updates) -> Site<'static> {
        Site {
            facility: "mz-0001",
            updates,
            channel: "stable",
            memory_mib: 4_000,
            disk_bytes: 200,
            floor_built_s: 10,
            now_s: 1_000,
        }
    }

    #[test]
    fn a_box_takes_the_newest_that_it_may_and_says_why_it_waits() {
        let all = terms("b", 30, 100);
        let old = terms("a", 20, 100);
        let auto = this(Updates::Auto);
        let both = [old.clone(), all.clone()];
        assert_eq!(decide(&both, &auto), Decision::Take(all.clone()));
        let with = |change: fn(&mut Rollout)| {
            let mut terms = all.clone();
            change(&mut terms);
            terms
        };
        for (newest, why) in [
            (
                with(|terms| terms.percent = 0),
                Waiting::Ring(ring("mz-0001")),
            ),
            (
                with(|terms| terms.standing = Standing::Paused),
                Waiting::Paused,
            ),
            (
                with(|terms| terms.minimum_memory_mib = 8_000),
                Waiting::TooSmall,
            ),
            (
                with(|terms| terms.not_before = Some("1970-01-01T01:00:00Z".to_owned())),
                Waiting::NotBefore,
            ),
        ] {
            assert_eq!(
                decide(std::slice::from_ref(&newest), &auto),
                Decision::Wait(newest.clone(), why)
            );
            // The older one is not blocked by a newer one that is not for this box yet.
            assert_eq!(
                decide(&[old.clone(), newest], &auto),
                Decision::Take(old.clone())
            );
        }
        assert!(matches!(
            decide(&both, &this(Updates::Hold)),
            Decision::Wait(_, Waiting::Held)
        ));
        let withdrawn = with(|terms| terms.standing = Standing::Withdrawn);
        assert_eq!(decide(&[withdrawn], &auto), Decision::UpToDate);
        let other = with(|terms| terms.channel = "pilot".to_owned());
        assert_eq!(decide(&[other], &auto), Decision::UpToDate);
    }

    #[test]
    fn rings_of_653_facilities_fill_evenly_and_ten_percent_is_about_ten_percent() {
        let rings: Vec<u8> = (0..653)
            .map(|site| ring(&format!("mz-{site:04}")))
            .collect();
        let first = rings.iter().filter(|ring| **ring < 10).count();
        assert!((40..=90).contains(&first), "{first}");
        assert!(rings.iter().all(|ring| *ring < RINGS));
    }

    #[test]
    fn terms_that_are_not_understood_are_no_terms() {
        let good = serde_json::to_value(terms("a", 1, 5)).unwrap();
        let custom = |value: Value| serde_json::json!({ CUSTOM: value });
        assert_eq!(Rollout::of(&custom(good.clone())), Some(terms("a", 1, 5)));
        for (field, value) in [
            ("percent", serde_json::json!(101)),
            ("not_before", serde_json::json!("tomorrow")),
            ("standing", serde_json::json!("maybe")),
            ("unless", serde_json::json!("a field of a later version")),
        ] {
            let mut bad = good.clone();
            bad[field] = value;
            assert_eq!(Rollout::of(&custom(bad)), None, "{field}");
        }
        assert_eq!(Rollout::of(&Value::Null), None);
    }

    proptest! {
        #[test]
        fn nothing_at_or_below_the_floor_is_ever_taken(
            built in prop::collection::vec((0..100_i64, 0..=100_u8), 0..8),
            floor_built_s in 0..100_i64,
            now_s in any::<i64>(),
            ring in 0..100_u8,
        ) {
            let releases: Vec<Rollout> = built
                .iter()
                .map(|(built_s, percent)| terms("r", *built_s, *percent))
                .collect();
            let this = Site { floor_built_s, now_s, ..this(Updates::Ring(ring)) };
            if let Decision::Take(taken) = decide(&releases, &this) {
                prop_assert!(taken.built_s > floor_built_s && ring < taken.percent);
            }
        }
    }
}
