//! Coming in and leaving. Wrong passwords are rationed by name and source; the work of checking one is done by two at a time.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::guard::{COOKIE, Entered, cookie};
use super::words::{LANGUAGE_COOKIE, Words, language as language_of};
use super::{Web, aside, page};
use crate::hub::access::{SESSION_S, Session, is_same};
use crate::hub::limit::Limit;
use crate::hub::listen::{self, Peer};
use crate::hub::password;
use crate::system::clock;

/// A quarter of an hour.
const WINDOW_S: u64 = 900;
/// Wrong ones of one name from one source, of one name, and from one source.
const OF_BOTH: u32 = 5;
const OF_NAME: u32 = 50;
const OF_SOURCE: u32 = 20;
const CAPACITY: usize = 4_096;
/// Argon2 takes 19 MiB and a core each.
const AT_ONCE: usize = 2;
/// Whoever waits longer for his turn comes again.
const TURN: Duration = Duration::from_secs(5);

/// Logins that failed lately.
#[derive(Debug)]
pub struct Logins {
    turns: Semaphore,
    failed: Mutex<Failed>,
}

#[derive(Debug)]
struct Failed {
    both: Limit<(String, IpAddr)>,
    name: Limit<String>,
    source: Limit<IpAddr>,
}

impl Default for Logins {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE),
            failed: Mutex::new(Failed {
                both: Limit::new(WINDOW_S, OF_BOTH, CAPACITY),
                name: Limit::new(WINDOW_S, OF_NAME, CAPACITY),
                source: Limit::new(WINDOW_S, OF_SOURCE, CAPACITY),
            }),
        }
    }
}

impl Logins {
    fn is_open(&self, name: &str, source: IpAddr, now_s: u64) -> bool {
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.both.is_open(&(name.to_string(), source), now_s)
            && failed.name.is_open(&name.to_string(), now_s)
            && failed.source.is_open(&source, now_s)
    }

    fn failed(&self, name: &str, source: IpAddr, now_s: u64) {
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed.both.count((name.to_string(), source), now_s);
        failed.name.count(name.to_string(), now_s);
        failed.source.count(source, now_s);
    }
}

#[derive(Template)]
#[template(path = "login.html")]
struct Page {
    words: Words,
    session: Option<Session>,
    here: &'static str,
    back: String,
    pending: usize,
    problem: Option<&'static str>,
}

fn form(words: Words, status: StatusCode, problem: Option<&'static str>) -> Response {
    let template = Page {
        words,
        session: None,
        here: "login",
        back: "/login".to_string(),
        pending: 0,
        problem,
    };
    page(status, &template)
}

/// What the login's form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Typed {
    name: String,
    password: String,
}

pub(super) async fn show(headers: HeaderMap) -> Response {
    form(Words::of(&headers), StatusCode::OK, None)
}

pub(super) async fn enter(
    State(web): State<Web>,
    Extension(Peer(peer)): Extension<Peer>,
    headers: HeaderMap,
    Form(typed): Form<Typed>,
) -> Response {
    let words = Words::of(&headers);
    let source = listen::source(peer, &headers);
    let now_s = clock::unix_seconds();
    let name: String = typed.name.trim().to_lowercase().chars().take(40).collect();
    if !web.logins.is_open(&name, source, now_s) {
        return form(words, StatusCode::TOO_MANY_REQUESTS, Some("hub-login-wait"));
    }
    let Ok(Ok(turn)) = tokio::time::timeout(TURN, web.logins.turns.acquire()).await else {
        return form(
            words,
            StatusCode::SERVICE_UNAVAILABLE,
            Some("hub-login-busy"),
        );
    };
    let hub = std::sync::Arc::clone(&web.hub);
    let who = name.clone();
    let begun = aside(move || {
        let hash = hub.access().password_hash(&who).ok().flatten();
        password::is_right(&typed.password, hash.as_deref())
            .then(|| hub.access().begin_session(&who, now_s).ok())
            .flatten()
    });
    let begun = begun.await.flatten();
    drop(turn);
    let Some(secret) = begun else {
        web.logins.failed(&name, source, now_s);
        web.hub.counts.logins_failed.fetch_add(1, Ordering::Relaxed);
        return form(words, StatusCode::UNAUTHORIZED, Some("hub-login-wrong"));
    };
    let cookie = format!(
        "{COOKIE}={secret}; Path=/; Max-Age={SESSION_S}; Secure; HttpOnly; SameSite=Strict"
    );
    ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response()
}

/// What every form of a session sends.
#[derive(Debug, Deserialize)]
pub(super) struct FormToken {
    form_token: String,
}

pub(super) async fn leave(
    State(web): State<Web>,
    entered: Entered,
    headers: HeaderMap,
    Form(form): Form<FormToken>,
) -> Response {
    if !is_same(&form.form_token, &entered.session.form_token) {
        return StatusCode::FORBIDDEN.into_response();
    }
    if let Some(secret) = cookie(&headers, COOKIE) {
        web.hub.access().end_session(secret).ok();
    }
    let cookie = format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict");
    ([(header::SET_COOKIE, cookie)], Redirect::to("/login")).into_response()
}

/// What the language's form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Chosen {
    language: String,
    #[serde(default)]
    back: String,
}

pub(super) async fn language(Form(chosen): Form<Chosen>) -> Response {
    let Some(language) = language_of(&chosen.language) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let cookie = format!(
        "{LANGUAGE_COOKIE}={}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax",
        Words(language).code()
    );
    (
        [(header::SET_COOKIE, cookie)],
        Redirect::to(ours(&chosen.back)),
    )
        .into_response()
}

/// An address of this hub; anything else is its first page.
fn ours(back: &str) -> &str {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/-._~?=&%+".contains(&b);
    if back.starts_with('/')
        && !back.starts_with("//")
        && back.len() < 500
        && back.bytes().all(plain)
    {
        back
    } else {
        "/"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_to_go_back_to_is_one_of_ours() {
        for (back, to) in [
            ("/sites/cs-a?days=7", "/sites/cs-a?days=7"),
            ("//evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x=y", "/"),
            ("", "/"),
        ] {
            assert_eq!(ours(back), to);
        }
    }

    #[test]
    fn guessing_ends_after_five_for_the_guesser_and_not_for_the_user() {
        let logins = Logins::default();
        let guesser: IpAddr = "192.0.2.1".parse().unwrap();
        let user: IpAddr = "192.0.2.2".parse().unwrap();
        for _ in 0..OF_BOTH {
            assert!(logins.is_open("ana", guesser, 100));
            logins.failed("ana", guesser, 100);
        }
        assert!(!logins.is_open("ana", guesser, 100 + WINDOW_S - 1));
        assert!(logins.is_open("ana", user, 100));
        assert!(logins.is_open("ana", guesser, 100 + WINDOW_S));
        for name in 0..OF_SOURCE {
            logins.failed(&format!("user{name}"), guesser, 5_000);
        }
        assert!(!logins.is_open("zeca", guesser, 5_000));
    }
}
