//! For programs.

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::guard::MayRead;
use super::{Web, aside};
use crate::hub::{Hub, export, metrics as figures};
use crate::system::clock;

pub(super) async fn json(State(web): State<Web>, _: MayRead) -> Response {
    made(web, "application/json", |hub, now_s| {
        export::json(&hub.fleet(), now_s)
    })
    .await
}

pub(super) async fn csv(State(web): State<Web>, _: MayRead) -> Response {
    made(web, "text/csv; charset=utf-8", |hub, now_s| {
        export::csv(&hub.fleet(), now_s)
    })
    .await
}

pub(super) async fn metrics(State(web): State<Web>, _: MayRead) -> Response {
    made(web, figures::TYPE, figures::text).await
}

async fn made(web: Web, kind: &'static str, make: fn(&Hub, u64) -> String) -> Response {
    let text = aside(move || make(&web.hub, clock::unix_seconds())).await;
    match text {
        Some(text) => ([(header::CONTENT_TYPE, kind)], text).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
