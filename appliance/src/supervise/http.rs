//! GETs on loopback, bounded in time, size and redirects: what the watcher asks OpenMRS with. One connection and one session
//! are kept: a new one every ten seconds would be a new session in Tomcat each time.

use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{Builder, SendRequest};
use hyper::header::{AUTHORIZATION, COOKIE, HOST, LOCATION, SET_COOKIE};
use hyper_util::rt::TokioIo;

use super::seen::Answer;

/// A login page has some 10 KB; reading on proves nothing more.
const BODY_LIMIT_BYTES: usize = 256 * 1024;
const REDIRECT_LIMIT: usize = 6;
const COOKIE_LIMIT_BYTES: usize = 256;
/// Where OpenMRS sends everybody while it is not installed.
const WIZARD: &str = "initialsetup";

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// Its status.
    pub answer: Answer,
    /// Its beginning.
    pub body: Vec<u8>,
}

impl Page {
    /// Whether a login form is on it.
    #[must_use]
    pub fn has_login_form(&self) -> bool {
        let text = String::from_utf8_lossy(&self.body).to_ascii_lowercase();
        ["type=\"password\"", "type='password'", "type=password"]
            .iter()
            .any(|field| text.contains(field))
    }
}

/// One visitor of the server on loopback.
#[derive(Debug)]
pub struct Browser {
    server: SocketAddr,
    connection: Option<SendRequest<Empty<Bytes>>>,
    session: Option<String>,
    authorization: Option<String>,
}

struct Got {
    status: u16,
    location: Option<String>,
    body: Vec<u8>,
}

impl Browser {
    /// Nothing is asked yet.
    #[must_use]
    pub fn new(server: SocketAddr) -> Self {
        Self {
            server,
            connection: None,
            session: None,
            authorization: None,
        }
    }

    /// Asks with this `Authorization` from now on.
    pub fn authorize(&mut self, header: Option<String>) {
        self.authorization = header;
    }

    /// One page, redirects followed as long as they stay on the server.
    pub async fn get(&mut self, path: &str, limit: Duration) -> Page {
        match tokio::time::timeout(limit, self.follow(path)).await {
            Ok(Some(page)) => page,
            _ => {
                self.connection = None;
                Page::default()
            }
        }
    }

    /// `None`: no proper HTTP came back.
    async fn follow(&mut self, path: &str) -> Option<Page> {
        let mut path = path.to_string();
        for _ in 0..REDIRECT_LIMIT {
            let got = self.once(&path).await?;
            let page = |answer, body| Some(Page { answer, body });
            match got.location {
                Some(location) if (300..400).contains(&got.status) => {
                    if location.contains(WIZARD) {
                        return page(Answer::Wizard, Vec::new());
                    }
                    match next_path(self.server, &path, &location) {
                        Some(next) => path = next,
                        None => return page(Answer::Status(got.status), Vec::new()),
                    }
                }
                _ => return page(Answer::Status(got.status), got.body),
            }
        }
        Some(Page {
            answer: Answer::Status(310),
            body: Vec::new(),
        })
    }

    async fn once(&mut self, path: &str) -> Option<Got> {
        if let Some(kept) = self.connection.take() {
            // The server may have closed it in the meantime: then anew.
            if !kept.is_closed()
                && let Some(got) = self.exchange(kept, path).await
            {
                return Some(got);
            }
        }
        let stream = tokio::net::TcpStream::connect(self.server).await.ok()?;
        let (sender, connection) = Builder::new()
            .max_buf_size(16 * 1024)
            .handshake(TokioIo::new(stream))
            .await
            .ok()?;
        // Ends when its sender is dropped.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        self.exchange(sender, path).await
    }

    async fn exchange(&mut self, mut sender: SendRequest<Empty<Bytes>>, path: &str) -> Option<Got> {
        sender.ready().await.ok()?;
        let mut request = hyper::Request::get(path).header(HOST, self.server.to_string());
        if let Some(session) = &self.session {
            request = request.header(COOKIE, session);
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Empty::<Bytes>::new()).ok()?;
        let mut response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        let text = |name| {
            response
                .headers()
                .get(name)
                .and_then(|value| value.to_str().ok())
                .map(str::to_string)
        };
        let location = text(LOCATION);
        let session = text(SET_COOKIE)
            .and_then(|cookie| cookie.split(';').next().map(str::to_string))
            .filter(|cookie| {
                cookie.starts_with("JSESSIONID=") && cookie.len() <= COOKIE_LIMIT_BYTES
            });
        // The page counts as rendered only when it came whole, or as far as anybody needs.
        let mut body = Vec::new();
        while let Some(frame) = response.body_mut().frame().await {
            if let Some(data) = frame.ok()?.data_ref() {
                body.extend_from_slice(data);
            }
            if body.len() > BODY_LIMIT_BYTES {
                break;
            }
        }
        self.session = session.or(self.session.take());
        if body.len() <= BODY_LIMIT_BYTES {
            self.connection = Some(sender);
        }
        Some(Got {
            status,
            location,
            body,
        })
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

    async fn ask(server: SocketAddr, path: &str, limit: Duration) -> Answer {
        Browser::new(server).get(path, limit).await.answer
    }

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
