//! A GET on loopback, bounded in time, size and redirects: what the probes ask OpenMRS with.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::header::{CONNECTION, HOST, LOCATION};
use hyper_util::rt::TokioIo;

use super::door::Answer;

/// A login page has some 10 KB; reading on proves nothing more.
const BODY_LIMIT_BYTES: usize = 256 * 1024;
const REDIRECT_LIMIT: usize = 6;
/// Where OpenMRS sends everybody while it is not installed.
const WIZARD: &str = "initialsetup";

/// One page of the server at `server`, redirects followed as long as they stay there.
pub async fn ask(server: SocketAddr, path: &str, limit: Duration) -> Answer {
    tokio::time::timeout(limit, follow(server, path))
        .await
        .ok()
        .flatten()
        .unwrap_or(Answer::Silent)
}

/// `None`: no proper HTTP came back.
async fn follow(server: SocketAddr, path: &str) -> Option<Answer> {
    let mut path = path.to_string();
    for _ in 0..REDIRECT_LIMIT {
        let (status, location) = get(server, &path).await?;
        match location {
            Some(location) if (300..400).contains(&status) => {
                if location.contains(WIZARD) {
                    return Some(Answer::Wizard);
                }
                match next_path(server, &path, &location) {
                    Some(next) => path = next,
                    None => return Some(Answer::Status(status)),
                }
            }
            _ => return Some(Answer::Status(status)),
        }
    }
    Some(Answer::Status(310))
}

async fn get(server: SocketAddr, path: &str) -> Option<(u16, Option<String>)> {
    let stream = tokio::net::TcpStream::connect(server).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(16 * 1024)
        .handshake(TokioIo::new(stream))
        .await
        .ok()?;
    let request = hyper::Request::get(path)
        .header(HOST, server.to_string())
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let exchange = async {
        let mut response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let location = response
            .headers()
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .map(str::to_string);
        // The page counts as rendered only when it came whole, or as far as anybody needs.
        let mut length = 0;
        while let Some(frame) = response.body_mut().frame().await {
            length += frame.ok()?.data_ref().map_or(0, Bytes::len);
            if length > BODY_LIMIT_BYTES {
                break;
            }
        }
        Some((status, location))
    };
    tokio::select! {
        answer = exchange => answer,
        // The connection ends after the answer; polling it is what moves the bytes.
        _ = async { let _ = connection.await; std::future::pending::<()>().await } => None,
    }
}

/// The redirect's path on the same server, or `None` when it leads away.
fn next_path(server: SocketAddr, from: &str, location: &str) -> Option<String> {
    let local = [
        format!("http://{server}"),
        format!("http://localhost:{}", server.port()),
        "http://localhost".to_string(),
        "http://127.0.0.1".to_string(),
    ];
    let rest = local
        .iter()
        .find_map(|host| {
            location
                .strip_prefix(host.as_str())
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        })
        .unwrap_or(location);
    if rest.starts_with('/') && !rest.starts_with("//") {
        return Some(rest.to_string());
    }
    if rest.is_empty() {
        return Some("/".to_string());
    }
    if rest.contains(':') || rest.starts_with("//") {
        return None;
    }
    let folder = from
        .split('?')
        .next()
        .unwrap_or(from)
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    Some(format!("{folder}/{rest}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const LIMIT: Duration = Duration::from_secs(5);

    /// Answers each path with the bytes given for it, and hangs on any other.
    async fn server(pages: &'static [(&'static str, &'static str)]) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let length = stream.read(&mut request).await.unwrap();
                    let text = String::from_utf8_lossy(&request[..length]).into_owned();
                    let path = text.split(' ').nth(1).unwrap_or_default().to_string();
                    match pages.iter().find(|(known, _)| *known == path) {
                        Some((_, answer)) => stream.write_all(answer.as_bytes()).await.unwrap(),
                        None => std::future::pending().await,
                    }
                });
            }
        });
        address
    }

    #[tokio::test]
    async fn a_page_behind_redirects_on_loopback_is_followed() {
        let address = server(&[
            ("/openmrs/", "HTTP/1.1 302 Found\r\nLocation: login.htm\r\nContent-Length: 0\r\n\r\n"),
            ("/openmrs/login.htm", "HTTP/1.1 302 Found\r\nLocation: http://localhost/openmrs/index\r\nContent-Length: 0\r\n\r\n"),
            ("/openmrs/index", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ])
        .await;
        assert_eq!(ask(address, "/openmrs/", LIMIT).await, Answer::Status(200));
    }

    #[tokio::test]
    async fn the_wizard_a_way_off_the_box_a_loop_and_a_half_page_are_no_good_answer() {
        let address = server(&[
            ("/w", "HTTP/1.1 302 Found\r\nLocation: /openmrs/initialsetup\r\nContent-Length: 0\r\n\r\n"),
            ("/away", "HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n"),
            ("/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"),
            ("/half", "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"),
            ("/garbage", "SSH-2.0-x\r\n\r\n"),
        ])
        .await;
        assert_eq!(ask(address, "/w", LIMIT).await, Answer::Wizard);
        assert_eq!(ask(address, "/away", LIMIT).await, Answer::Status(302));
        assert_eq!(ask(address, "/loop", LIMIT).await, Answer::Status(310));
        assert_eq!(ask(address, "/half", LIMIT).await, Answer::Silent);
        assert_eq!(ask(address, "/garbage", LIMIT).await, Answer::Silent);
    }

    #[tokio::test]
    async fn a_port_that_hangs_or_is_closed_is_silent_within_the_limit() {
        let address = server(&[]).await;
        let short = Duration::from_millis(100);
        assert_eq!(ask(address, "/hangs", short).await, Answer::Silent);
        let closed: SocketAddr = "127.0.0.1:1".parse().unwrap();
        assert_eq!(ask(closed, "/", short).await, Answer::Silent);
    }
}
