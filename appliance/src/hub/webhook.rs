//! Notices to a webhook: one JSON object a POST, in order, until it was taken. One that cannot be told waits and is tried again, ever
//! more rarely; it is kept over a restart.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::Hub;
use super::store::{Kind, Notice, Store, StoreError};
use crate::health::alarm_code::AlarmCode;
use crate::system::{clock, log};
use crate::texts::{self, Language};

/// Tried again after the first failure, and at most so rarely.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LAST_WAIT: Duration = Duration::from_secs(600);
const ONCE: u32 = 20;
const ANSWER_TIME: Duration = Duration::from_secs(15);
/// How soon an end is noticed.
const TICK: Duration = Duration::from_millis(500);

/// What is sent.
#[derive(Debug, PartialEq, Serialize)]
struct Told<'a> {
    id: i64,
    site: &'a str,
    name: &'a str,
    kind: &'static str,
    alarm: Option<&'static str>,
    severity: Option<&'static str>,
    at_unix_s: u64,
    /// In the hub's language: what chat services show.
    text: String,
}

fn told<'a>(notice: &'a Notice, name: &'a str, language: Language) -> Told<'a> {
    let name = if name.is_empty() {
        &notice.facility
    } else {
        name
    };
    let alarm = notice.alarm.map(AlarmCode::numbered);
    let words = alarm.map_or_else(String::new, |alarm| alarm.text(language));
    Told {
        id: notice.id,
        site: &notice.facility,
        name,
        kind: notice.kind.code(),
        alarm: alarm.map(|alarm| alarm.name),
        severity: alarm
            .map(|alarm| alarm.severity.name())
            .filter(|_| notice.kind == Kind::Raised),
        at_unix_s: notice.made_s,
        text: texts::say(
            language,
            &format!("hub-notice-{}", notice.kind.code()),
            &[("name", name.into()), ("alarm", words.into())],
        ),
    }
}

/// How long to wait after so many failures in a row.
#[must_use]
pub fn wait(failures: u32) -> Duration {
    let doubled = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(10));
    doubled.min(LAST_WAIT)
}

/// An agent for requests that go out: bounded in time and answer.
#[must_use]
pub fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(ANSWER_TIME))
        .max_redirects(0)
        .build()
        .into()
}

/// Tells notices until the hub stops.
pub fn run(hub: &Hub, mut store: Store, url: &str, language: Language) {
    let agent = agent();
    let mut failures = 0u32;
    let mut due = Instant::now();
    while !hub.is_stopping() {
        clock::pause(TICK);
        if Instant::now() < due {
            continue;
        }
        match tell(hub, &mut store, &agent, url, language) {
            Ok(()) => failures = 0,
            Err(error) => {
                failures = failures.saturating_add(1);
                due = Instant::now() + wait(failures);
                log::log(&format!(
                    "the webhook was not told: {error}; it is tried again"
                ));
            }
        }
    }
}

/// Why a notice was not told.
#[derive(Debug, thiserror::Error)]
enum TellError {
    #[error("{0}")]
    Store(#[from] StoreError),
    #[error("{0}")]
    Http(#[from] ureq::Error),
}

fn tell(
    hub: &Hub,
    store: &mut Store,
    agent: &ureq::Agent,
    url: &str,
    language: Language,
) -> Result<(), TellError> {
    for notice in store.untold(ONCE)? {
        let name = {
            let fleet = hub.fleet();
            fleet
                .sites()
                .get(&notice.facility)
                .map(|site| site.name.clone())
        };
        let body = serde_json::to_string(&told(&notice, &name.unwrap_or_default(), language))
            .unwrap_or_default();
        agent
            .post(url)
            .header("content-type", "application/json")
            .send(&body)?;
        store.told(notice.id, clock::unix_seconds())?;
        hub.counts.notices_told.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_says_what_and_where_in_words() {
        let notice = Notice {
            id: 4,
            made_s: 9,
            facility: "cs-a".into(),
            kind: Kind::Raised,
            alarm: Some(5),
        };
        let told = told(&notice, "Namacurra", Language::Pt);
        assert_eq!(
            (told.alarm, told.severity),
            (Some("disk-failing"), Some("danger"))
        );
        assert!(told.text.starts_with("Namacurra: "), "{}", told.text);
    }

    #[test]
    fn waits_grow_and_end() {
        assert_eq!(wait(1), FIRST_WAIT);
        assert_eq!(wait(3), FIRST_WAIT * 4);
        assert_eq!(wait(u32::MAX), LAST_WAIT);
    }
}
