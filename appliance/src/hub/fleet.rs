//! All sites as they are now, in memory: what receiving, pages and metrics ask. Made from the store at the start, then changed only
//! after a commit.

use std::collections::{BTreeMap, HashMap};

use crate::health::cose::KeyId;
use crate::health::frame::Frame;

use super::judge::Known;
use super::rhythm::Rhythm;
use super::store::{
    Arrived, Kind, KnownBox, Notice, Past, Place, Standing, Store, StoreError, key_id,
};

/// One facility.
#[derive(Debug, Clone, Default)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its district; empty: not known.
    pub district: String,
    /// Its province; empty: not known.
    pub province: String,
    /// Its approved box's key.
    pub key: Option<KeyId>,
    /// The release that it runs, by name; empty: not known.
    pub release: String,
    /// Its newest frame, by number.
    pub newest: Option<Past>,
    /// When it is usually heard.
    pub rhythm: Rhythm,
    /// Whether its silence was told.
    pub is_silent: bool,
}

impl Site {
    /// What people call it; `id`: where nobody has said a name.
    #[must_use]
    pub fn name_or<'a>(&'a self, id: &'a str) -> &'a str {
        if self.name.is_empty() { id } else { &self.name }
    }

    /// What its newest frame says.
    #[must_use]
    pub fn frame(&self) -> Option<&Frame> {
        self.newest.as_ref().map(|newest| &newest.frame)
    }

    /// The alarm that stands by its newest frame.
    #[must_use]
    pub fn alarm(&self) -> Option<u8> {
        self.frame()?.alarm
    }

    /// An age that the newest frame told, and what has passed since, seconds.
    #[must_use]
    pub fn aged(&self, now_s: u64, age_s: fn(&Frame) -> Option<u64>) -> Option<u64> {
        let newest = self.newest.as_ref()?;
        let since_s = now_s.saturating_sub(newest.at_s);
        Some(age_s(&newest.frame)?.saturating_add(since_s))
    }
}

/// A change that somebody should be told.
pub type Change = (String, Kind, Option<u8>);

/// All of it.
#[derive(Debug, Default)]
pub struct Fleet {
    boxes: HashMap<KeyId, KnownBox>,
    by_id: HashMap<i64, KeyId>,
    sites: BTreeMap<String, Site>,
    /// Names of releases by the time of their build.
    releases: BTreeMap<u32, String>,
    version: i64,
    /// When the hub began to listen.
    began_s: u64,
    /// Changes that a stop had left untold.
    unsaid: Vec<Change>,
}

/// What is to be told of a facility whose alarm was one and is another.
fn change(facility: &str, before: Option<u8>, after: Option<u8>) -> Option<Change> {
    let kind = match (before, after) {
        _ if before == after => return None,
        (_, Some(_)) => Kind::Raised,
        (_, None) => Kind::Lowered,
    };
    Some((facility.to_string(), kind, after.or(before)))
}

impl Fleet {
    /// Reads it from the store. What only memory knows (rhythms not kept yet, silences told, changes not told yet) is taken over from `before`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn load(store: &Store, before: Option<&Self>, now_s: u64) -> Result<Self, StoreError> {
        let mut fleet = Self {
            version: store.version()?,
            began_s: now_s,
            ..Self::default()
        };
        for Place {
            facility,
            name,
            district,
            province,
        } in store.places()?
        {
            fleet.sites.insert(
                facility,
                Site {
                    name,
                    district,
                    province,
                    ..Site::default()
                },
            );
        }
        for known in store.boxes()? {
            let id = key_id(&known.key);
            let old = before.and_then(|fleet| fleet.sites.get(&known.facility));
            if let Some(old) = old.filter(|old| old.key == Some(id)) {
                let site = fleet.sites.entry(known.facility.clone()).or_default();
                site.rhythm = old.rhythm.clone();
                site.newest.clone_from(&old.newest);
                site.is_silent = old.is_silent;
                site.key = old.key.filter(|_| known.standing == Standing::Approved);
            } else if known.standing == Standing::Approved {
                let newest = store.newest(known.id)?;
                let site = fleet.sites.entry(known.facility.clone()).or_default();
                site.key = Some(id);
                site.rhythm = known.rhythm.clone();
                if let Some(newest) = &newest
                    && site.rhythm.last_s() < Some(newest.received_s)
                {
                    site.rhythm.heard(newest.received_s);
                }
                site.newest = newest;
            }
            fleet.set(known);
        }
        match before {
            Some(before) => {
                fleet.began_s = before.began_s;
                fleet.unsaid.clone_from(&before.unsaid);
            }
            None => fleet.recall(&store.made_known()?),
        }
        Ok(fleet)
    }

    /// After a start: what was made known before is not told again, and what was not is.
    fn recall(&mut self, made_known: &[Notice]) {
        let mut alarms: HashMap<&str, u8> = HashMap::new();
        for notice in made_known {
            let site = self.sites.get_mut(&notice.facility);
            match notice.kind {
                Kind::Silent => site.into_iter().for_each(|site| site.is_silent = true),
                Kind::Raised => {
                    alarms.extend(notice.alarm.map(|alarm| (notice.facility.as_str(), alarm)));
                }
                Kind::Heard | Kind::Lowered | Kind::Unknown => {}
            }
        }
        for (facility, site) in &self.sites {
            let known = alarms.get(facility.as_str()).copied();
            self.unsaid.extend(change(facility, known, site.alarm()));
        }
    }

    /// What is known of a box, after its hello; frames and rhythm stay as they are.
    pub fn set(&mut self, known: KnownBox) {
        let id = key_id(&known.key);
        self.releases.insert(known.built_s, known.release.clone());
        if known.standing == Standing::Approved {
            let site = self.sites.entry(known.facility.clone()).or_default();
            if site.name.is_empty() {
                site.name.clone_from(&known.name);
            }
            site.key = Some(id);
            site.release.clone_from(&known.release);
        }
        self.by_id.insert(known.id, id);
        self.boxes.insert(id, known);
    }

    /// A box's frames up to this number were thinned.
    pub fn thinned(&mut self, id: i64, thinned_to: u32) {
        let key = self.by_id.get(&id);
        if let Some(known) = key.and_then(|key| self.boxes.get_mut(key)) {
            known.thinned_to = thinned_to;
        }
    }

    /// The store's version that this was read from.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.version
    }

    /// The box behind a key's id.
    #[must_use]
    pub fn find(&self, id: KeyId) -> Option<Known> {
        self.boxes.get(&id).map(Known::from)
    }

    /// Whether that key is an approved box's.
    #[must_use]
    pub fn is_approved(&self, key: &ed25519_dalek::VerifyingKey) -> bool {
        let known = self.boxes.get(&key_id(key));
        known.is_some_and(|known| known.standing == Standing::Approved && known.key == *key)
    }

    /// A box by its key's id, whole.
    #[must_use]
    pub fn known(&self, id: KeyId) -> Option<&KnownBox> {
        self.boxes.get(&id)
    }

    /// Boxes on which an officer has to decide, the longest waiting first.
    #[must_use]
    pub fn pending(&self) -> Vec<&KnownBox> {
        let mut pending: Vec<&KnownBox> = self
            .boxes
            .values()
            .filter(|known| known.is_pending())
            .collect();
        pending.sort_by_key(|known| (known.first_s, known.id));
        pending
    }

    /// The sites by id.
    #[must_use]
    pub fn sites(&self) -> &BTreeMap<String, Site> {
        &self.sites
    }

    /// A release's name by the time of its build.
    #[must_use]
    pub fn release(&self, built_s: u32) -> Option<&str> {
        self.releases.get(&built_s).map(String::as_str)
    }

    /// The rhythms of all approved boxes, for keeping.
    pub fn rhythms(&self) -> impl Iterator<Item = (i64, &Rhythm)> {
        self.sites.values().filter_map(|site| {
            let known = self.boxes.get(&site.key?)?;
            Some((known.id, &site.rhythm))
        })
    }

    /// The ids of all boxes in the store.
    #[must_use]
    pub fn ids(&self) -> Vec<i64> {
        self.by_id.keys().copied().collect()
    }

    /// A frame was committed; what changed by it for people.
    pub fn take(&mut self, arrived: &Arrived, is_new: bool, changes: &mut Vec<Change>) {
        let Some(known) = self
            .by_id
            .get(&arrived.box_id)
            .and_then(|id| self.boxes.get(id))
        else {
            return;
        };
        let Some(site) = self
            .sites
            .get_mut(&known.facility)
            .filter(|site| site.key == Some(arrived.key_id))
        else {
            return;
        };
        if is_new {
            // A repeated frame may be a recording: it is no sign of life.
            site.rhythm.heard(arrived.received_s);
            if std::mem::take(&mut site.is_silent) {
                changes.push((known.facility.clone(), Kind::Heard, None));
            }
        }
        let is_newest = site
            .frame()
            .is_none_or(|newest| newest.sequence < arrived.frame.sequence);
        if !is_newest {
            return;
        }
        let before = site.alarm();
        changes.extend(change(&known.facility, before, arrived.frame.alarm));
        if let Some(release) = arrived
            .frame
            .release_built_s
            .and_then(|built_s| self.releases.get(&built_s))
            && site.release != *release
        {
            site.release.clone_from(release);
        }
        site.newest = Some(Past {
            at_s: arrived.at_s(),
            received_s: arrived.received_s,
            frame: arrived.frame,
        });
    }

    /// Sites that went silent since this was last asked, and what a stop had left unsaid. Silence counts from the hub's own start:
    /// before, nobody could be heard.
    pub fn notice_silence(&mut self, now_s: u64) -> Vec<Change> {
        let mut changes = std::mem::take(&mut self.unsaid);
        let heard_for_s = now_s.saturating_sub(self.began_s);
        for (facility, site) in &mut self.sites {
            if !site.is_silent
                && site.rhythm.is_silent(now_s)
                && heard_for_s > site.rhythm.allowed_s()
            {
                site.is_silent = true;
                changes.push((facility.clone(), Kind::Silent, None));
            }
        }
        changes
    }
}

#[cfg(test)]
mod tests {
    use super::super::store::tests::store;
    use super::*;
    use crate::hub::tests::{arrived, hello};

    #[test]
    fn alarms_and_silence_are_told_once_when_they_begin_and_when_they_end() {
        let (_dir, mut store) = store();
        store
            .add_approved(&[hello(1, "cs-a", 1)], "list", 5)
            .unwrap();
        let mut fleet = Fleet::load(&store, None, 1000).unwrap();
        let take = |fleet: &mut Fleet, sequence, at_s, alarm, is_new| {
            let mut changes = Vec::new();
            let arrived = arrived(1, sequence, at_s, |frame| frame.alarm = alarm);
            fleet.take(&arrived, is_new, &mut changes);
            changes
                .into_iter()
                .map(|(_, kind, alarm)| (kind, alarm))
                .collect::<Vec<_>>()
        };
        assert_eq!(take(&mut fleet, 1, 1000, None, true), []);
        assert_eq!(
            take(&mut fleet, 2, 1900, Some(4), true),
            [(Kind::Raised, Some(4))]
        );
        assert_eq!(take(&mut fleet, 3, 2800, Some(4), true), []);
        assert!(fleet.notice_silence(2800 + 48 * 60).is_empty());
        assert_eq!(fleet.notice_silence(2800 + 50 * 60).len(), 1);
        assert!(fleet.notice_silence(2800 + 51 * 60).is_empty());
        // A recording is no sign of life, an older frame no news.
        assert_eq!(take(&mut fleet, 3, 7000, Some(4), false), []);
        assert!(fleet.sites()["cs-a"].is_silent);
        assert_eq!(
            take(&mut fleet, 0, 7000, Some(9), true),
            [(Kind::Heard, None)]
        );
        assert_eq!(
            take(&mut fleet, 4, 7000, None, true),
            [(Kind::Lowered, Some(4))]
        );
    }

    #[test]
    fn a_fleet_read_again_keeps_what_only_memory_knew() {
        let (_dir, mut store) = store();
        store
            .add_approved(&[hello(1, "cs-a", 1)], "list", 5)
            .unwrap();
        let mut fleet = Fleet::load(&store, None, 1000).unwrap();
        let frame = arrived(1, 1, 1000, |_| {});
        store.keep(std::slice::from_ref(&frame)).unwrap();
        fleet.take(&frame, true, &mut Vec::new());
        fleet.notice_silence(1_000_000);
        store.set_places(&[Place::named("cs-b", "B")]).unwrap();
        let again = Fleet::load(&store, Some(&fleet), 1_000_000).unwrap();
        assert!(again.sites()["cs-a"].is_silent);
        assert_eq!(again.sites()["cs-a"].rhythm, fleet.sites()["cs-a"].rhythm);
        assert!(again.sites()["cs-b"].key.is_none());
    }

    #[test]
    fn a_start_tells_what_a_stop_had_left_untold_and_nothing_twice() {
        let (_dir, mut store) = store();
        store
            .add_approved(&[hello(1, "cs-a", 1)], "list", 5)
            .unwrap();
        let frame = arrived(1, 1, 1000, |frame| frame.alarm = Some(7));
        store.keep(std::slice::from_ref(&frame)).unwrap();
        // Killed before the notice was kept.
        let fleet = Fleet::load(&store, None, 900_000).unwrap();
        // The command line changed something before the first look.
        let mut fleet = Fleet::load(&store, Some(&fleet), 900_000).unwrap();
        let changes = fleet.notice_silence(900_000);
        assert_eq!(changes, [("cs-a".to_string(), Kind::Raised, Some(7))]);
        // Nobody could be heard while the hub was down.
        assert!(fleet.notice_silence(900_000 + 40 * 60).is_empty());
        assert_eq!(fleet.notice_silence(900_000 + 50 * 60).len(), 1);
        store
            .note(
                &[
                    ("cs-a", Kind::Raised, Some(7)),
                    ("cs-a", Kind::Silent, None),
                ],
                1,
            )
            .unwrap();
        let mut fleet = Fleet::load(&store, None, 990_000).unwrap();
        assert!(fleet.sites()["cs-a"].is_silent);
        assert!(fleet.notice_silence(1_990_000).is_empty());
    }
}
