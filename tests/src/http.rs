//! Asking a machine under test over HTTP, bounded in time and size.

use std::time::Duration;

use anyhow::{Context, Result};

/// Largest answer body read, bytes.
const BODY_MAX_BYTES: u64 = 4 << 20;

/// One answer; redirects are not followed.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Body, lossy UTF-8.
    pub body: String,
    /// The `Location` header.
    pub location: Option<String>,
    /// The `Retry-After` header.
    pub retry_after: Option<String>,
    /// The `Date` header: the server's clock.
    pub date: Option<String>,
}

fn agent(bound: Duration) -> ureq::Agent {
    ureq::Agent::config_builder()
        .timeout_global(Some(bound))
        .http_status_as_error(false)
        .max_redirects(0)
        .build()
        .into()
}

fn read(mut response: ureq::http::Response<ureq::Body>) -> Result<Answer> {
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned)
    };
    let (location, retry_after) = (header("location"), header("retry-after"));
    let date = header("date");
    let status = response.status().as_u16();
    let body = response
        .body_mut()
        .with_config()
        .limit(BODY_MAX_BYTES)
        .lossy_utf8(true)
        .read_to_string()?;
    Ok(Answer {
        status,
        body,
        location,
        retry_after,
        date,
    })
}

/// GET, at most `bound`.
///
/// # Errors
/// When nobody answers in time.
pub fn get(url: &str, bound: Duration) -> Result<Answer> {
    read(
        agent(bound)
            .get(url)
            .call()
            .with_context(|| format!("GET {url}"))?,
    )
}

/// GET with HTTP basic authentication.
///
/// # Errors
/// When nobody answers in time.
pub fn get_as(url: &str, user: &str, password: &str, bound: Duration) -> Result<Answer> {
    let credentials = basic(user, password);
    read(
        agent(bound)
            .get(url)
            .header("Authorization", &credentials)
            .call()
            .with_context(|| format!("GET {url}"))?,
    )
}

/// POST of a form body with HTTP basic authentication.
///
/// # Errors
/// When nobody answers in time.
pub fn post_as(
    url: &str,
    user: &str,
    password: &str,
    form: &[(&str, &str)],
    bound: Duration,
) -> Result<Answer> {
    let credentials = basic(user, password);
    let request = agent(bound).post(url).header("Authorization", &credentials);
    read(
        request
            .send_form(form.iter().copied())
            .with_context(|| format!("POST {url}"))?,
    )
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", base64(format!("{user}:{password}").as_bytes()))
}

/// Base64 of RFC 4648 section 4, for the one header that needs it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .fold(0u32, |word, &byte| word << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let symbol = ALPHABET[(word >> (18 - 6 * i)) as usize & 63];
            text.push(if i > chunk.len() {
                '='
            } else {
                char::from(symbol)
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_agrees_with_the_rfc_vectors() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }
}
