//! Who asks, and what every answer says to the browser.

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};

use super::Web;
use super::words::Words;
use crate::hub::access::{Access, Session};
use crate::system::clock;

/// The session's cookie. The prefix makes browsers take it from this host alone, over TLS or from the machine itself.
pub(super) const COOKIE: &str = "__Host-posto";

/// A session that stands; without one, the login.
#[derive(Debug, Clone)]
pub(super) struct Entered {
    pub(super) session: Session,
    pub(super) words: Words,
}

impl FromRequestParts<Web> for Entered {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Response> {
        let words = Words::of(&parts.headers);
        let session = cookie(&parts.headers, COOKIE).and_then(|secret| {
            let now_s = clock::unix_seconds();
            web.hub.access().session(secret, now_s).ok().flatten()
        });
        match session {
            Some(session) => Ok(Self { session, words }),
            None => Err(Redirect::to("/login").into_response()),
        }
    }
}

/// A session or a program's token (`Authorization: Bearer`).
#[derive(Debug, Clone, Copy)]
pub(super) struct MayRead;

impl FromRequestParts<Web> for MayRead {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Response> {
        let token = parts
            .headers
            .get(header::AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.strip_prefix("Bearer "));
        let secret = cookie(&parts.headers, COOKIE);
        let stands = |access: &Access| {
            token.is_some_and(|token| access.is_token(token).unwrap_or(false))
                || secret.is_some_and(|secret| {
                    matches!(access.session(secret, clock::unix_seconds()), Ok(Some(_)))
                })
        };
        if stands(&web.hub.access()) {
            return Ok(Self);
        }
        let ask = [(header::WWW_AUTHENTICATE, "Bearer")];
        Err((StatusCode::UNAUTHORIZED, ask, "posto hub token add NAME\n").into_response())
    }
}

/// The value of a cookie.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name).then_some(value))
}

/// Forms come from our own pages only: a browser says from where (`Sec-Fetch-Site`, `Origin`).
pub(super) async fn same_site(request: Request, next: Next) -> Response {
    if request.method().is_safe() || is_same_site(request.headers()) {
        next.run(request).await
    } else {
        StatusCode::FORBIDDEN.into_response()
    }
}

fn is_same_site(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none") {
        return false;
    }
    match (text("origin"), text("host")) {
        (Some(origin), Some(host)) => origin.split_once("://").is_some_and(|(_, at)| at == host),
        (Some(_), None) => false,
        (None, _) => true,
    }
}

/// Nothing from elsewhere, nothing framed, nothing kept.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn a_form_from_another_site_is_refused() {
        for (pairs, right) in [
            (
                &[
                    ("sec-fetch-site", "same-origin"),
                    ("origin", "https://hub.example"),
                    ("host", "hub.example"),
                ][..],
                true,
            ),
            (
                &[("sec-fetch-site", "cross-site"), ("host", "hub.example")],
                false,
            ),
            (
                &[("origin", "https://evil.example"), ("host", "hub.example")],
                false,
            ),
            (&[("origin", "null"), ("host", "hub.example")], false),
            (&[("origin", "https://hub.example")], false),
            (&[("host", "hub.example")], true),
        ] {
            assert_eq!(is_same_site(&headers(pairs)), right, "{pairs:?}");
        }
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let headers = headers(&[("cookie", "a=b; __Host-posto=xyz; language=pt")]);
        assert_eq!(cookie(&headers, COOKIE), Some("xyz"));
        assert_eq!(cookie(&headers, "posto"), None);
    }
}
