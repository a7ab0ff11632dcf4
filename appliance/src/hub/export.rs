//! All sites for programs: JSON and CSV (RFC 4180), the same figures.

use serde::Serialize;

use super::condition::Condition;
use super::fleet::{Fleet, Site};
use crate::health::alarm_code::AlarmCode;
use crate::health::frame::{Frame, Tri};

/// One site. Absent: not known.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row<'a> {
    /// The facility's id.
    pub site: &'a str,
    /// Its name.
    pub name: &'a str,
    /// Its district.
    pub district: &'a str,
    /// Its province.
    pub province: &'a str,
    /// How it is, in a word.
    pub condition: &'static str,
    /// The worst standing alarm.
    pub alarm: Option<&'static str>,
    /// When it was last heard, seconds since 1970.
    pub last_heard_unix_s: Option<u64>,
    /// Whether OpenMRS answers as it should.
    pub openmrs_up: Option<bool>,
    /// Age of the newest committed encounter, seconds.
    pub encounter_age_s: Option<u64>,
    /// Encounters of the day of the newest frame.
    pub encounters_today: Option<u16>,
    /// Age of the newest snapshot, seconds.
    pub snapshot_age_s: Option<u64>,
    /// Age of the newest copy off the box, seconds.
    pub copy_age_s: Option<u64>,
    /// Days of the journal that are not off the box.
    pub journal_days_behind: Option<u8>,
    /// Of the data disk, used, percent.
    pub disk_used_percent: Option<u8>,
    /// Boots that did not end in order.
    pub unclean_boots: Option<u16>,
    /// The release.
    pub release: &'a str,
}

impl<'a> Row<'a> {
    /// Of one site.
    #[must_use]
    pub fn of(id: &'a str, site: &'a Site, now_s: u64) -> Self {
        let frame = site.frame();
        Self {
            site: id,
            name: &site.name,
            district: &site.district,
            province: &site.province,
            condition: Condition::of(site).code(),
            alarm: site.alarm().map(|number| AlarmCode::numbered(number).name),
            last_heard_unix_s: site.rhythm.last_s(),
            openmrs_up: match frame.map(|frame| frame.state.openmrs) {
                Some(Tri::Yes) => Some(true),
                Some(Tri::No) => Some(false),
                _ => None,
            },
            encounter_age_s: site.aged(now_s, Frame::encounter_age_s),
            encounters_today: frame.and_then(|frame| frame.encounters_today),
            snapshot_age_s: site.aged(now_s, Frame::snapshot_age_s),
            copy_age_s: site.aged(now_s, Frame::copy_age_s),
            journal_days_behind: frame.and_then(|frame| frame.journal_days_behind),
            disk_used_percent: frame.and_then(|frame| frame.disk_used_percent),
            unclean_boots: frame.and_then(|frame| frame.unclean_boots),
            release: &site.release,
        }
    }
}

/// All as JSON.
#[must_use]
pub fn json(fleet: &Fleet, now_s: u64) -> String {
    let rows: Vec<Row<'_>> = rows(fleet, now_s).collect();
    serde_json::to_string(&rows).unwrap_or_default()
}

/// All as CSV with a head.
#[must_use]
pub fn csv(fleet: &Fleet, now_s: u64) -> String {
    let mut out = String::from(
        "site,name,district,province,condition,alarm,last_heard_unix_s,openmrs_up,encounter_age_s,encounters_today,snapshot_age_s,\
         copy_age_s,journal_days_behind,disk_used_percent,unclean_boots,release\r\n",
    );
    for row in rows(fleet, now_s) {
        let fields = [
            field(row.site),
            field(row.name),
            field(row.district),
            field(row.province),
            field(row.condition),
            field(row.alarm.unwrap_or_default()),
            number(row.last_heard_unix_s),
            number(row.openmrs_up),
            number(row.encounter_age_s),
            number(row.encounters_today),
            number(row.snapshot_age_s),
            number(row.copy_age_s),
            number(row.journal_days_behind),
            number(row.disk_used_percent),
            number(row.unclean_boots),
            field(row.release),
        ];
        out.push_str(&fields.join(","));
        out.push_str("\r\n");
    }
    out
}

fn rows(fleet: &Fleet, now_s: u64) -> impl Iterator<Item = Row<'_>> {
    fleet
        .sites()
        .iter()
        .map(move |(id, site)| Row::of(id, site, now_s))
}

fn number<T: ToString>(value: Option<T>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

/// Quoted where it must be; what a spreadsheet would take for a formula gets an apostrophe first.
fn field(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_string()
    };
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::store::Place;
    use crate::hub::store::tests::store;
    use crate::hub::tests::{arrived, hello};

    #[test]
    fn both_forms_say_the_same_and_no_name_is_a_formula() {
        let (_dir, mut store) = store();
        store
            .add_approved(&[hello(1, "cs-a", 1)], "list", 5)
            .unwrap();
        let mut place = Place::named("cs-a", "=1+1, \"x\"");
        place.district = "Mocuba".to_string();
        store
            .set_places(&[place, Place::named("cs-b", "B")])
            .unwrap();
        let mut fleet = Fleet::load(&store, None, 1000).unwrap();
        let frame = arrived(1, 1, 1000, |frame| {
            frame.alarm = Some(43);
            frame.copy_age_h = Some(2);
        });
        fleet.take(&frame, true, &mut Vec::new());
        let csv = csv(&fleet, 1060);
        let lines: Vec<&str> = csv.split("\r\n").collect();
        assert_eq!(
            lines[1],
            "cs-a,\"'=1+1, \"\"x\"\"\",Mocuba,,act,copies-old,1000,true,,,,7260,,41,,2026.11-1"
        );
        assert_eq!(lines[2], "cs-b,B,,,unheard,,,,,,,,,,,");
        let json: serde_json::Value = serde_json::from_str(&json(&fleet, 1060)).unwrap();
        assert_eq!(json[0]["copy_age_s"], 7260);
        assert_eq!(json[1]["condition"], "unheard");
        let head: Vec<&str> = lines[0].split(',').collect();
        let keys: Vec<&String> = json[0].as_object().unwrap().keys().collect();
        assert_eq!(head.len(), keys.len());
    }
}
