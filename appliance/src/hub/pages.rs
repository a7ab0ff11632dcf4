//! The web's pages: rendered here, no script, no resource from elsewhere, in Portuguese and English. All but the login and the
//! boxes' POST ask for a session or (for programs) a token.

mod boxes;
mod data;
mod guard;
mod login;
mod site;
mod sites;
mod words;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router, middleware};

use super::Hub;
use super::batch::{self, BatchError};
use super::listen::{self, Peer};
use crate::system::clock;

pub use login::Logins;

/// Forms are small.
const FORM_LIMIT_BYTES: usize = 4 * 1024;
/// For a whole request, its body included.
const REQUEST: Duration = Duration::from_secs(20);

/// What pages need besides the hub.
#[derive(Debug, Clone)]
pub struct Web {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Logins tried lately.
    pub logins: Arc<Logins>,
    /// IANA time zone in which times are shown.
    pub time_zone: Arc<str>,
}

/// All addresses.
pub fn router(web: Web) -> Router {
    let batches = Router::new()
        .route("/v1/pings", post(pings))
        .layer(DefaultBodyLimit::max(batch::BODY_LIMIT_BYTES));
    let forms = Router::new()
        .route("/login", get(login::show).post(login::enter))
        .route("/logout", post(login::leave))
        .route("/language", post(login::language))
        .route("/boxes", get(boxes::show).post(boxes::decide))
        .layer(DefaultBodyLimit::max(FORM_LIMIT_BYTES))
        .layer(middleware::from_fn(guard::same_site));
    Router::new()
        .route("/", get(sites::show))
        .route("/sites/{site}", get(site::show))
        .route("/sites.json", get(data::json))
        .route("/sites.csv", get(data::csv))
        .route("/metrics", get(data::metrics))
        .route("/health", get(|| async { "ok\n" }))
        .route(
            "/style.css",
            get(|| async {
                fixed(
                    "text/css; charset=utf-8",
                    include_str!("../../templates/style.css"),
                )
            }),
        )
        .route(
            "/icon.svg",
            get(|| async { fixed("image/svg+xml", include_str!("../../templates/icon.svg")) }),
        )
        .merge(forms)
        .merge(batches)
        .layer(middleware::from_fn(guard::headers))
        .layer(middleware::from_fn(in_time))
        .with_state(web)
}

async fn in_time(request: axum::extract::Request, next: middleware::Next) -> Response {
    tokio::time::timeout(REQUEST, next.run(request))
        .await
        .unwrap_or_else(|_| StatusCode::REQUEST_TIMEOUT.into_response())
}

fn fixed(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "max-age=3600"),
    ];
    (headers, text).into_response()
}

/// Messages of boxes.
async fn pings(
    State(web): State<Web>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let source = listen::source(peer, &headers);
    let taken = batch::take(&web.hub, &body, source, clock::unix_seconds()).await;
    match taken {
        Ok(answer) => ([(header::CONTENT_TYPE, "application/cbor-seq")], answer).into_response(),
        Err(error) => {
            let status = match error {
                BatchError::Form(_) => StatusCode::BAD_REQUEST,
                BatchError::Busy => StatusCode::SERVICE_UNAVAILABLE,
                BatchError::Limited => StatusCode::TOO_MANY_REQUESTS,
            };
            (status, format!("{error}\n")).into_response()
        }
    }
}

/// Does what may wait for the disk or a processor outside the threads that serve.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// A page out of a template.
fn page(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(text) => (
            status,
            [(header::CONTENT_TYPE, "text/html; charset=utf-8")],
            text,
        )
            .into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
