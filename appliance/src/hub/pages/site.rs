//! One site: what it says of itself, and how it was.

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::guard::Entered;
use super::sites::{openmrs, state};
use super::words::{Words, local};
use super::{Web, aside, page};
use crate::health::alarm_code::AlarmCode;
use crate::health::frame::{Frame, Proof, Smart, Tri};
use crate::hub::access::Session;
use crate::hub::condition::Condition;
use crate::hub::plot::{self, Line};
use crate::hub::store::{Past, Store};
use crate::system::clock;

/// Spans of the history, days.
const SPANS: [u64; 4] = [1, 7, 35, 365];
/// Frames that are read for it.
const FRAMES: u32 = 6_000;

/// What is asked for.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct Wish {
    days: u64,
}

#[derive(Template)]
#[template(path = "site.html")]
struct Page {
    words: Words,
    session: Option<Session>,
    here: &'static str,
    back: String,
    pending: usize,
    name: String,
    place: String,
    condition: &'static str,
    state: String,
    alarm: Option<AlarmWords>,
    facts: Vec<Fact>,
    spans: Vec<Span>,
    strips: Vec<Strip>,
    plots: Vec<Plot>,
    from: String,
    to: String,
    boxes: Vec<Known>,
}

struct AlarmWords {
    text: String,
    advice: String,
    code: &'static str,
    number: u8,
}

struct Fact {
    label: String,
    value: String,
    bad: bool,
}

struct Span {
    text: String,
    address: String,
    chosen: bool,
}

struct Strip {
    label: String,
    good: String,
    ill: String,
}

struct Plot {
    label: String,
    path: String,
    last: String,
    top: String,
}

struct Known {
    fingerprint: String,
    standing: String,
    decided: String,
}

pub(super) async fn show(
    State(web): State<Web>,
    entered: Entered,
    Path(id): Path<String>,
    Query(wish): Query<Wish>,
) -> Response {
    let rendered = aside(move || {
        let days = SPANS
            .into_iter()
            .find(|span| *span >= wish.days.max(7))
            .unwrap_or(7);
        let days = if wish.days == 1 { 1 } else { days };
        match of(&web, entered, &id, days, clock::unix_seconds()) {
            Ok(Some(template)) => page(StatusCode::OK, &template),
            Ok(None) => StatusCode::NOT_FOUND.into_response(),
            Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")).into_response(),
        }
    });
    let rendered = rendered.await;
    rendered.unwrap_or_else(|| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

fn of(
    web: &Web,
    entered: Entered,
    id: &str,
    days: u64,
    now_s: u64,
) -> Result<Option<Page>, crate::hub::store::StoreError> {
    let words = entered.words;
    let (site, pending) = {
        let fleet = web.hub.fleet();
        let Some(site) = fleet.sites().get(id) else {
            return Ok(None);
        };
        (site.clone(), fleet.pending().len())
    };
    let store = Store::open(&web.hub.data)?;
    let from_s = now_s.saturating_sub(days * 86_400);
    let past = store.past(id, from_s, FRAMES)?;
    let boxes = store.boxes_of(id)?;
    let condition = Condition::of(&site);
    let place: Vec<&str> = [id, &site.district, &site.province]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    Ok(Some(Page {
        words,
        session: Some(entered.session),
        here: "site",
        back: format!("/sites/{id}?days={days}"),
        pending,
        name: site.name_or(id).to_string(),
        place: place.join(" · "),
        condition: condition.code(),
        state: state(words, condition, &site),
        alarm: site.alarm().map(|number| {
            let code = AlarmCode::numbered(number);
            AlarmWords {
                text: code.text(words.0),
                advice: code.advice(words.0),
                code: code.name,
                number,
            }
        }),
        facts: facts(words, &site, now_s, &web.time_zone),
        spans: SPANS
            .into_iter()
            .map(|span| Span {
                text: words.with("hub-days", &[("days", span.into())]),
                address: format!("/sites/{id}?days={span}"),
                chosen: span == days,
            })
            .collect(),
        strips: strips(words, &past, from_s, now_s),
        plots: plots(words, &past, from_s, now_s),
        from: local(from_s, &web.time_zone),
        to: local(now_s, &web.time_zone),
        boxes: boxes
            .iter()
            .map(|known| Known {
                fingerprint: known.fingerprint().to_string(),
                standing: words.say(&format!("hub-standing-{}", known.standing.code())),
                decided: decided(known.decided_s, known.decided_by.as_deref(), &web.time_zone),
            })
            .collect(),
    }))
}

fn decided(at_s: Option<u64>, by: Option<&str>, zone: &str) -> String {
    at_s.map_or_else(String::new, |at_s| {
        format!("{} · {}", local(at_s, zone), by.unwrap_or("?"))
    })
}

fn facts(words: Words, site: &crate::hub::fleet::Site, now_s: u64, zone: &str) -> Vec<Fact> {
    let frame = site.frame().copied().unwrap_or_default();
    let age = |of: fn(&Frame) -> Option<u64>| site.aged(now_s, of).map(|age_s| words.age(age_s));
    let plain = |figure: Option<u64>, unit: &str| figure.map(|figure| format!("{figure}{unit}"));
    let percent = |figure: Option<u8>| plain(figure.map(u64::from), " %");
    let proof = match frame.state.proof {
        Proof::Unknown => None,
        Proof::Not => Some("hub-proof-not"),
        Proof::Good => Some("hub-proof-good"),
        Proof::Bad => Some("hub-proof-bad"),
    };
    let smart = match frame.state.smart {
        Smart::Unknown => None,
        Smart::Good => Some("hub-disk-good"),
        Smart::Worn => Some("hub-disk-worn"),
        Smart::Failing => Some("hub-disk-failing"),
    };
    let last = site.rhythm.last_s().map(|s| local(s, zone));
    let allowed = site
        .rhythm
        .last_s()
        .map(|_| words.age(site.rhythm.allowed_s()));
    let rows: [(&str, Option<String>, bool); 19] = [
        ("hub-heard", last, site.is_silent),
        ("hub-allowed", allowed, false),
        (
            "hub-openmrs",
            Some(openmrs(words, site)),
            frame.state.openmrs == Tri::No,
        ),
        (
            "hub-start",
            plain(frame.last_start_s.map(u64::from), " s"),
            false,
        ),
        ("hub-encounter", age(Frame::encounter_age_s), false),
        (
            "hub-entered",
            plain(frame.encounters_today.map(u64::from), ""),
            false,
        ),
        ("hub-snapshot", age(Frame::snapshot_age_s), false),
        (
            "hub-proof",
            proof.map(|id| words.say(id)),
            frame.state.proof == Proof::Bad,
        ),
        ("hub-copy", age(Frame::copy_age_s), false),
        (
            "hub-journal",
            plain(frame.journal_days_behind.map(u64::from), " d"),
            false,
        ),
        (
            "hub-budget",
            plain(frame.budget_left_mb.map(u64::from), " MB"),
            false,
        ),
        (
            "hub-disk",
            percent(frame.disk_used_percent),
            frame.disk_used_percent >= Some(90),
        ),
        (
            "hub-disk-free",
            plain(frame.disk_free_gb.map(u64::from), " GB"),
            false,
        ),
        (
            "hub-disk-health",
            smart.map(|id| words.say(id)),
            frame.state.smart == Smart::Failing,
        ),
        (
            "hub-wear",
            percent(frame.wear_percent),
            frame.wear_percent >= Some(90),
        ),
        (
            "hub-pressure",
            percent(frame.memory_pressure_percent),
            false,
        ),
        (
            "hub-temperature",
            plain(frame.temperature_c.map(u64::from), " °C"),
            frame.temperature_c >= Some(85),
        ),
        (
            "hub-power-cuts",
            plain(frame.unclean_boots.map(u64::from), ""),
            false,
        ),
        (
            "hub-release",
            Some(site.release.clone()).filter(|release| !release.is_empty()),
            false,
        ),
    ];
    rows.into_iter()
        .map(|(label, value, bad)| Fact {
            label: words.say(label),
            value: value.unwrap_or_else(|| "–".to_string()),
            bad,
        })
        .collect()
}

fn strips(words: Words, past: &[Past], from_s: u64, now_s: u64) -> Vec<Strip> {
    let bars = |so: &dyn Fn(&Frame) -> bool| {
        let points: Vec<(u64, bool)> = past
            .iter()
            .map(|past| (past.at_s, so(&past.frame)))
            .collect();
        plot::bars(&points, from_s, now_s)
    };
    vec![
        Strip {
            label: words.say("hub-openmrs"),
            good: bars(&|frame| frame.state.openmrs == Tri::Yes),
            ill: bars(&|frame| frame.state.openmrs == Tri::No),
        },
        Strip {
            label: words.say("hub-alarms"),
            good: bars(&|frame| frame.alarm.is_none()),
            ill: bars(&|frame| frame.alarm.is_some()),
        },
    ]
}

fn plots(words: Words, past: &[Past], from_s: u64, now_s: u64) -> Vec<Plot> {
    type Figure = fn(&Frame) -> Option<f64>;
    let figures: [(&str, &str, f64, Figure); 6] = [
        ("hub-entered", "", 10.0, |f| {
            f.encounters_today.map(f64::from)
        }),
        ("hub-copy", " h", 24.0, |f| f.copy_age_h.map(f64::from)),
        ("hub-disk", " %", 100.0, |f| {
            f.disk_used_percent.map(f64::from)
        }),
        ("hub-pressure", " %", 10.0, |f| {
            f.memory_pressure_percent.map(f64::from)
        }),
        ("hub-temperature", " °C", 50.0, |f| {
            f.temperature_c.map(f64::from)
        }),
        ("hub-start", " s", 60.0, |f| f.last_start_s.map(f64::from)),
    ];
    figures
        .into_iter()
        .filter_map(|(label, unit, least_top, figure)| {
            let points: Vec<(u64, Option<f64>)> = past
                .iter()
                .map(|past| (past.at_s, figure(&past.frame)))
                .collect();
            let Line { path, last, top } = plot::line(&points, from_s, now_s, least_top);
            let last = last?;
            Some(Plot {
                label: words.say(label),
                path,
                last: format!("{last}{unit}"),
                top: format!("{top}{unit}"),
            })
        })
        .collect()
}
