//! The first page: all sites, the worst first; filtered by words, district and alarm.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::guard::Entered;
use super::words::Words;
use super::{Web, aside, page};
use crate::health::alarm_code::{AlarmCode, Severity};
use crate::health::frame::{Frame, Proof, Tri};
use crate::hub::access::Session;
use crate::hub::condition::Condition;
use crate::hub::fleet::{Fleet, Site};
use crate::system::clock;

/// Rows of a page: what a phone loads in a moment (30 KB).
const ROWS: usize = 100;
/// Releases with a colour of their own; the others share one.
const RELEASES: usize = 5;
/// A copy off the box that is older shows as bad, seconds.
const COPY_OLD_S: u64 = 8 * 86_400;
/// A snapshot, seconds.
const SNAPSHOT_OLD_S: u64 = 86_400;
/// A disk that is fuller, percent.
const DISK_FULL: u8 = 90;

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Filter {
    search: String,
    district: String,
    /// A condition's code or an alarm's name.
    alarm: String,
    page: usize,
}

impl Filter {
    fn is_set(&self) -> bool {
        !(self.search.is_empty() && self.district.is_empty() && self.alarm.is_empty())
    }

    fn fits(&self, id: &str, site: &Site) -> bool {
        let words = self.search.trim().to_lowercase();
        let found = |text: &str| text.to_lowercase().contains(&words);
        let fits_alarm = || {
            self.alarm == Condition::of(site).code()
                || site
                    .alarm()
                    .is_some_and(|number| AlarmCode::numbered(number).name == self.alarm)
        };
        (words.is_empty() || found(id) || found(&site.name) || found(&site.district))
            && (self.district.is_empty() || self.district == site.district)
            && (self.alarm.is_empty() || fits_alarm())
    }

    /// The address of this filter with another alarm and page.
    fn address(&self, alarm: &str, page: usize) -> String {
        let mut address = String::from("/?");
        for (name, value) in [
            ("search", self.search.as_str()),
            ("district", &self.district),
            ("alarm", alarm),
        ] {
            if !value.is_empty() {
                address.push_str(&format!("{name}={}&", quoted(value)));
            }
        }
        if page > 1 {
            address.push_str(&format!("page={page}&"));
        }
        address.pop();
        if address.is_empty() {
            "/".to_string()
        } else {
            address
        }
    }
}

/// Percent-encoded (RFC 3986, section 2.1).
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            quoted.push(char::from(byte));
        } else {
            quoted.push_str(&format!("%{byte:02X}"));
        }
    }
    quoted
}

#[derive(Template)]
#[template(path = "sites.html")]
struct Page {
    words: Words,
    session: Option<Session>,
    here: &'static str,
    back: String,
    pending: usize,
    tiles: Vec<Tile>,
    releases: Vec<Release>,
    filter: Filter,
    districts: Vec<Choice>,
    alarms: Vec<Choice>,
    found: String,
    rows: Vec<Row>,
    page: usize,
    pages: usize,
    before: Option<String>,
    after: Option<String>,
}

struct Tile {
    code: &'static str,
    text: String,
    count: usize,
    chosen: bool,
    address: String,
}

struct Release {
    name: String,
    count: usize,
    tone: usize,
    left: f64,
    width: f64,
}

struct Choice {
    code: String,
    name: String,
    text: String,
    count: usize,
    chosen: bool,
}

struct Row {
    id: String,
    name: String,
    district: String,
    condition: &'static str,
    state: String,
    heard: String,
    openmrs: String,
    entered: String,
    snapshot: String,
    snapshot_bad: bool,
    copy: String,
    copy_bad: bool,
    disk: String,
    disk_bad: bool,
    release: String,
}

pub(super) async fn show(
    State(web): State<Web>,
    entered: Entered,
    Query(filter): Query<Filter>,
) -> Response {
    let rendered = aside(move || {
        let fleet = web.hub.fleet();
        let template = of(&fleet, filter, entered, clock::unix_seconds());
        drop(fleet);
        page(StatusCode::OK, &template)
    });
    let rendered = rendered.await;
    rendered.unwrap_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn of(fleet: &Fleet, filter: Filter, entered: Entered, now_s: u64) -> Page {
    let words = entered.words;
    let mut fitting: Vec<(Condition, &String, &Site)> = fleet
        .sites()
        .iter()
        .filter(|(id, site)| filter.fits(id, site))
        .map(|(id, site)| (Condition::of(site), id, site))
        .collect();
    fitting.sort_by(|a, b| {
        (a.0, &a.2.district, &a.2.name, a.1).cmp(&(b.0, &b.2.district, &b.2.name, b.1))
    });
    let pages = fitting.len().div_ceil(ROWS).max(1);
    let shown = filter.page.clamp(1, pages);
    let rows = fitting
        .iter()
        .skip((shown - 1) * ROWS)
        .take(ROWS)
        .map(|(condition, id, site)| row(words, *condition, id, site, now_s))
        .collect();
    let tiles = tiles(words, fleet, &filter);
    Page {
        words,
        here: "sites",
        back: filter.address(&filter.alarm, shown),
        pending: fleet.pending().len(),
        releases: releases(words, fleet),
        districts: districts(fleet, &filter),
        alarms: alarms(words, fleet, &filter, &tiles),
        tiles,
        found: words.with("hub-found", &[("count", (fitting.len() as u64).into())]),
        rows,
        page: shown,
        pages,
        before: (shown > 1).then(|| filter.address(&filter.alarm, shown - 1)),
        after: (shown < pages).then(|| filter.address(&filter.alarm, shown + 1)),
        filter,
        session: Some(entered.session),
    }
}

fn tiles(words: Words, fleet: &Fleet, filter: &Filter) -> Vec<Tile> {
    Condition::counts(fleet.sites().values())
        .into_iter()
        .map(|(condition, count)| {
            let code = condition.code();
            let chosen = filter.alarm == code;
            Tile {
                code,
                text: words.say(&format!("hub-condition-{code}")),
                count,
                chosen,
                // A second touch takes it back.
                address: filter.address(if chosen { "" } else { code }, 1),
            }
        })
        .collect()
}

/// How often each comes.
fn counted<K: Ord>(keys: impl Iterator<Item = K>) -> BTreeMap<K, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    counts
}

fn releases(words: Words, fleet: &Fleet) -> Vec<Release> {
    let sites = fleet.sites().values();
    let counts = counted(
        sites
            .map(|site| site.release.as_str())
            .filter(|name| !name.is_empty()),
    );
    let all = counts.values().sum::<usize>().max(1);
    let mut sorted: Vec<(String, usize)> = counts
        .into_iter()
        .map(|(name, count)| (name.to_string(), count))
        .collect();
    // Names of releases sort by time.
    sorted.sort_by(|a, b| b.0.cmp(&a.0));
    if sorted.len() > RELEASES + 1 {
        let others = sorted.split_off(RELEASES);
        let count = others.iter().map(|(_, count)| count).sum();
        sorted.push((words.say("hub-releases-older"), count));
    }
    let mut left = 0.0;
    sorted
        .into_iter()
        .enumerate()
        .map(|(tone, (name, count))| {
            let width = count as f64 / all as f64 * 600.0;
            let release = Release {
                name,
                count,
                tone,
                left,
                width,
            };
            left += width;
            release
        })
        .collect()
}

fn districts(fleet: &Fleet, filter: &Filter) -> Vec<Choice> {
    let sites = fleet.sites().values();
    let counts = counted(
        sites
            .map(|site| site.district.as_str())
            .filter(|name| !name.is_empty()),
    );
    counts
        .into_iter()
        .map(|(name, count)| Choice {
            code: String::new(),
            name: name.to_string(),
            text: String::new(),
            count,
            chosen: filter.district == name,
        })
        .collect()
}

/// Conditions first, then each alarm that stands somewhere.
fn alarms(words: Words, fleet: &Fleet, filter: &Filter, tiles: &[Tile]) -> Vec<Choice> {
    let choice = |code: &str, text: String, count| Choice {
        code: code.to_string(),
        name: String::new(),
        text,
        count,
        chosen: filter.alarm == code,
    };
    let of_conditions = tiles
        .iter()
        .map(|tile| choice(tile.code, tile.text.clone(), tile.count));
    let numbers = fleet.sites().values().filter_map(Site::alarm);
    let of_alarms = counted(numbers).into_iter().map(|(number, count)| {
        let code = AlarmCode::numbered(number);
        choice(code.name, code.text(words.0), count)
    });
    of_conditions.chain(of_alarms).collect()
}

/// How a site is, in words: its alarm, or what is the matter else.
pub(super) fn state(words: Words, condition: Condition, site: &Site) -> String {
    let alarm = site.alarm().map(AlarmCode::numbered);
    match (condition, alarm) {
        // A dead application is worse than an alarm that can wait.
        (Condition::Danger, alarm)
            if alarm.is_none_or(|alarm| alarm.severity != Severity::Danger) =>
        {
            words.say("hub-openmrs-down")
        }
        (Condition::Danger | Condition::Act | Condition::Note, Some(alarm)) => alarm.text(words.0),
        (Condition::Silent, _) => {
            let since_s = site.rhythm.last_s().unwrap_or(0);
            let age = words.age(clock::unix_seconds().saturating_sub(since_s));
            words.with("hub-silent-for", &[("age", age.into())])
        }
        (condition, _) => words.say(&format!("hub-condition-{}", condition.code())),
    }
}

pub(super) fn openmrs(words: Words, site: &Site) -> String {
    match site.frame().map(|frame| frame.state.openmrs) {
        Some(Tri::Yes) => words.say("hub-up"),
        Some(Tri::No) => words.say("hub-down"),
        _ => "–".to_string(),
    }
}

fn row(words: Words, condition: Condition, id: &str, site: &Site, now_s: u64) -> Row {
    let frame = site.frame();
    let heard = site.rhythm.last_s();
    let snapshot_s = site.aged(now_s, Frame::snapshot_age_s);
    let copy_s = site.aged(now_s, Frame::copy_age_s);
    let age = |age_s: Option<u64>| age_s.map_or_else(|| "–".to_string(), |age_s| words.age(age_s));
    let proof = frame.map(|frame| frame.state.proof);
    let disk = frame.and_then(|frame| frame.disk_used_percent);
    Row {
        id: id.to_string(),
        name: site.name_or(id).to_string(),
        district: site.district.clone(),
        condition: condition.code(),
        state: state(words, condition, site),
        heard: age(heard.map(|heard_s| now_s.saturating_sub(heard_s))),
        openmrs: openmrs(words, site),
        entered: frame
            .and_then(|frame| frame.encounters_today)
            .map_or_else(|| "–".to_string(), |count| count.to_string()),
        snapshot: if proof == Some(Proof::Bad) {
            words.say("hub-proof-bad")
        } else {
            age(snapshot_s)
        },
        snapshot_bad: proof == Some(Proof::Bad)
            || snapshot_s.is_some_and(|age_s| age_s > SNAPSHOT_OLD_S),
        copy: age(copy_s),
        copy_bad: copy_s.is_some_and(|age_s| age_s > COPY_OLD_S),
        disk: disk.map_or_else(|| "–".to_string(), |percent| format!("{percent} %")),
        disk_bad: disk.is_some_and(|percent| percent >= DISK_FULL),
        release: if site.release.is_empty() {
            "–".to_string()
        } else {
            site.release.clone()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_keeps_its_words_in_its_addresses() {
        let filter = Filter {
            search: "são & cia".into(),
            district: "Mocuba".into(),
            ..Filter::default()
        };
        assert_eq!(
            filter.address("silent", 2),
            "/?search=s%C3%A3o%20%26%20cia&district=Mocuba&alarm=silent&page=2"
        );
        assert_eq!(Filter::default().address("", 1), "/");
    }

    #[test]
    fn sites_are_found_by_words_district_condition_and_alarm() {
        let site = Site {
            name: "Centro de Saúde de Namacurra".into(),
            district: "Namacurra".into(),
            ..Site::default()
        };
        let fits = |search: &str, district: &str, alarm: &str| {
            Filter {
                search: search.into(),
                district: district.into(),
                alarm: alarm.into(),
                page: 0,
            }
            .fits("cs-namacurra", &site)
        };
        assert!(fits("SAÚDE", "", "") && fits("", "Namacurra", "unheard") && fits("cs-na", "", ""));
        assert!(!fits("mocuba", "", "") && !fits("", "Mocuba", "") && !fits("", "", "silent"));
    }
}
