//! Boxes that wait: an officer compares the fingerprint with what the box's screen shows, then approves.

use askama::Template;
use axum::Form;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tokio::sync::oneshot;

use super::guard::Entered;
use super::words::{Words, local};
use super::{Web, page};
use crate::box_key::Fingerprint;
use crate::hub::access::{Session, is_same};
use crate::hub::fleet::Fleet;
use crate::hub::store::KnownBox;
use crate::hub::writer::Work;

#[derive(Template)]
#[template(path = "boxes.html")]
struct Page {
    words: Words,
    session: Option<Session>,
    here: &'static str,
    back: String,
    pending: usize,
    problem: Option<String>,
    cards: Vec<Card>,
    may_decide: bool,
    form_token: String,
}

struct Card {
    facility: String,
    facility_name: String,
    fingerprint: String,
    said: String,
    old: Option<String>,
}

/// More are not shown at once.
const SHOWN: usize = 100;

pub(super) async fn show(State(web): State<Web>, entered: Entered) -> Response {
    let fleet = web.hub.fleet();
    let pending = fleet.pending();
    let words = entered.words;
    let template = Page {
        words,
        here: "boxes",
        back: "/boxes".to_string(),
        pending: pending.len(),
        problem: None,
        cards: pending
            .iter()
            .take(SHOWN)
            .map(|known| card(words, &fleet, known, &web.time_zone))
            .collect(),
        may_decide: entered.session.user.approves,
        form_token: entered.session.form_token.clone(),
        session: Some(entered.session),
    };
    page(StatusCode::OK, &template)
}

fn card(words: Words, fleet: &Fleet, known: &KnownBox, zone: &str) -> Card {
    let facility = known.wants.as_ref().unwrap_or(&known.facility);
    let site = fleet.sites().get(facility);
    let name = site.map_or(&known.name, |site| &site.name);
    let old = site
        .and_then(|site| fleet.known(site.key?))
        .filter(|old| old.id != known.id);
    let mut warnings = Vec::new();
    if let Some(old) = old {
        let values = [
            ("fingerprint", old.fingerprint().to_string().into()),
            (
                "heard",
                site.and_then(|site| site.rhythm.last_s())
                    .map_or_else(|| "-".to_string(), |s| local(s, zone))
                    .into(),
            ),
        ];
        warnings.push(words.with("hub-box-supersedes", &values));
    }
    if known.wants.is_some() {
        let values = [("facility", known.facility.as_str().into())];
        warnings.push(words.with("hub-box-moves", &values));
    }
    Card {
        facility: facility.clone(),
        facility_name: name.clone(),
        fingerprint: known.fingerprint().to_string(),
        said: words.with(
            "hub-box-said",
            &[
                ("first", local(known.first_s, zone).into()),
                ("last", local(known.hello_s, zone).into()),
                ("release", known.release.as_str().into()),
            ],
        ),
        old: (!warnings.is_empty()).then(|| warnings.join(" ")),
    }
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Decision {
    form_token: String,
    fingerprint: String,
    decision: String,
}

pub(super) async fn decide(
    State(web): State<Web>,
    entered: Entered,
    Form(form): Form<Decision>,
) -> Response {
    let user = &entered.session.user;
    if !user.approves || !is_same(&form.form_token, &entered.session.form_token) {
        return StatusCode::FORBIDDEN.into_response();
    }
    let approve = match form.decision.as_str() {
        "approve" => true,
        "refuse" => false,
        _ => return StatusCode::BAD_REQUEST.into_response(),
    };
    let Ok(fingerprint) = form.fingerprint.parse::<Fingerprint>() else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let (done, decided) = oneshot::channel();
    let work = Work::Decide {
        fingerprint,
        approve,
        by: user.name.clone(),
        done,
    };
    if web.hub.work.try_send(work).is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match decided.await {
        Ok(Ok(())) => Redirect::to("/boxes").into_response(),
        Ok(Err(error)) => (StatusCode::CONFLICT, format!("{error}\n")).into_response(),
        Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
    }
}
