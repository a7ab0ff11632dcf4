//! Asks OpenMRS for its page and the database for its greeting, in the plainest way.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

const OPENMRS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const LIMIT: Duration = Duration::from_secs(20);
const HEAD_LIMIT_BYTES: u64 = 8 * 1024;
const REDIRECTS: usize = 5;

/// `/openmrs/` answers 200, redirects within it followed, and none of them leads to the wizard.
pub(super) fn page_is_there() -> bool {
    let mut path = "/openmrs/".to_string();
    for _ in 0..REDIRECTS {
        match head(OPENMRS, &path) {
            Some((200, _)) => return true,
            Some((300..=399, Some(location))) => match within(&location) {
                Some(next) => path = next,
                None => return false,
            },
            _ => return false,
        }
    }
    false
}

/// The redirect's path, when it stays with OpenMRS and is not the wizard.
fn within(location: &str) -> Option<String> {
    let path = ["http://127.0.0.1:8080", "http://localhost:8080", ""]
        .iter()
        .find_map(|host| location.strip_prefix(host))?;
    (path.starts_with("/openmrs/") && !path.contains("initialsetup")).then(|| path.to_string())
}

fn head(server: SocketAddr, path: &str) -> Option<(u16, Option<String>)> {
    let mut stream = TcpStream::connect_timeout(&server, LIMIT).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    stream.set_write_timeout(Some(LIMIT)).ok()?;
    let request =
        format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut bytes = Vec::new();
    let mut limited = stream.take(HEAD_LIMIT_BYTES);
    let mut piece = [0; 1024];
    while !bytes.windows(4).any(|four| four == b"\r\n\r\n") {
        match limited.read(&mut piece).ok()? {
            0 => break,
            read => bytes.extend_from_slice(piece.get(..read)?),
        }
    }
    parse(&String::from_utf8_lossy(&bytes))
}

/// Status and `Location:` out of an answer's head.
#[must_use]
pub fn parse(head: &str) -> Option<(u16, Option<String>)> {
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.1 ")?
        .get(..3)?
        .parse()
        .ok()?;
    let location = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location")
            .then(|| value.trim().to_string())
    });
    Some((status, location))
}

/// The server's first packet: length (3 bytes), number 0, then the protocol's version 10. An error packet begins with 255.
pub(super) fn database_greets(socket: &Path) -> bool {
    let greet = || -> std::io::Result<[u8; 5]> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(LIMIT))?;
        let mut packet = [0; 5];
        stream.read_exact(&mut packet)?;
        Ok(packet)
    };
    matches!(greet(), Ok([_, _, _, 0, 10]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_to_the_wizard_or_away_is_no_page() {
        assert_eq!(
            within("/openmrs/index.htm").as_deref(),
            Some("/openmrs/index.htm")
        );
        assert_eq!(
            within("http://127.0.0.1:8080/openmrs/x").as_deref(),
            Some("/openmrs/x")
        );
        assert_eq!(within("/openmrs/initialsetup"), None);
        assert_eq!(within("http://example.org/openmrs/"), None);
        assert_eq!(
            parse("HTTP/1.1 302 \r\nlocation: /openmrs/a\r\n\r\n"),
            Some((302, Some("/openmrs/a".to_string())))
        );
        assert_eq!(parse("SSH-2.0"), None);
    }

    #[test]
    fn only_a_greeting_is_a_database() {
        let dir = tempfile::tempdir().unwrap();
        for (name, packet, good) in [
            ("greets", &[90, 0, 0, 0, 10, 49][..], true),
            ("refuses", &[20, 0, 0, 0, 255, 16][..], false),
            ("hangs up", &[][..], false),
        ] {
            let path = dir.path().join(name);
            let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
            let server = std::thread::spawn(move || {
                listener.accept().unwrap().0.write_all(packet).unwrap();
            });
            assert_eq!(database_greets(&path), good, "{name}");
            server.join().unwrap();
        }
        assert!(!database_greets(&dir.path().join("nobody")));
    }
}
