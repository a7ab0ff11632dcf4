//! A web server on loopback that serves what it is told to, and asks nothing of it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What the server says to a path.
#[derive(Clone)]
pub(crate) enum Said {
    File(Vec<u8>),
    /// Of which parts can be had. Each answer ends after so many bytes, as on a link that dies.
    Parts(Vec<u8>, usize),
    /// Says 206 and that the part begins elsewhere.
    OtherPart(Vec<u8>),
    /// Zeros without end.
    Endless,
    /// Says so many bytes, sends these, and hangs up.
    Short(u64, Vec<u8>),
    /// Sends this much and then nothing, until the client hangs up.
    Silent(Vec<u8>),
    /// Byte by byte, ten in a second.
    Drip(Vec<u8>),
    /// Lines of a head without end.
    EndlessHead,
    /// Says that it is packed (gzip), and sends this.
    Packed(Vec<u8>),
    Redirect(String),
    Status(u16),
}

/// A web server on loopback.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    said: Arc<Mutex<BTreeMap<String, Said>>>,
    asked: Arc<Mutex<Vec<String>>>,
    sent_bytes: Arc<AtomicU64>,
}

impl Server {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            said: Arc::default(),
            asked: Arc::default(),
            sent_bytes: Arc::default(),
        };
        let (said, asked) = (server.said.clone(), server.asked.clone());
        let sent_bytes = server.sent_bytes.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (said, asked) = (said.clone(), asked.clone());
                let sent_bytes = sent_bytes.clone();
                std::thread::spawn(move || answer(stream, &said, &asked, &sent_bytes));
            }
        });
        server
    }

    pub(crate) fn put(&self, path: &str, content: Vec<u8>) {
        self.say(path, Said::File(content));
    }

    pub(crate) fn say(&self, path: &str, said: Said) {
        self.said.lock().unwrap().insert(path.to_owned(), said);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.said.lock().unwrap().remove(path);
    }

    pub(crate) fn file(&self, path: &str) -> Vec<u8> {
        match self.said.lock().unwrap().get(path) {
            Some(Said::File(content)) => content.clone(),
            _ => panic!("{path} is no file"),
        }
    }

    /// All files, as they are now.
    pub(crate) fn picture(&self) -> BTreeMap<String, Said> {
        self.said.lock().unwrap().clone()
    }

    /// Serves an earlier picture.
    pub(crate) fn show(&self, picture: BTreeMap<String, Said>) {
        *self.said.lock().unwrap() = picture;
    }

    /// Bytes sent as parts, heads included.
    pub(crate) fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    /// Paths asked for since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn answer(
    mut stream: TcpStream,
    said: &Mutex<BTreeMap<String, Said>>,
    asked: &Mutex<Vec<String>>,
    sent_bytes: &AtomicU64,
) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    let mut line = String::new();
    let _ = reader.read_line(&mut first);
    let mut range = None;
    while reader.read_line(&mut line).is_ok_and(|count| count > 2) {
        let lower = line.trim().to_ascii_lowercase();
        if let Some(asked) = lower.strip_prefix("range: bytes=") {
            let (first, last) = asked.split_once('-').unwrap();
            range = Some((first.parse().unwrap(), last.parse::<usize>().unwrap()));
        }
        line.clear();
    }
    let Some(path) = first
        .split(' ')
        .nth(1)
        .map(|path| path.trim_start_matches('/'))
    else {
        return;
    };
    asked.lock().unwrap().push(path.to_owned());
    let said = said.lock().unwrap().get(path).cloned();
    let head =
        |status: &str, more: &str| format!("HTTP/1.1 {status}\r\n{more}Connection: close\r\n\r\n");
    let length = |count: u64| format!("Content-Length: {count}\r\n");
    let _ = match said {
        None => stream.write_all(head("404 Not Found", &length(0)).as_bytes()),
        Some(Said::Status(status)) => {
            stream.write_all(head(&format!("{status} No"), &length(0)).as_bytes())
        }
        Some(Said::Redirect(to)) => stream
            .write_all(head("302 Found", &format!("Location: {to}\r\n{}", length(0))).as_bytes()),
        Some(Said::File(content)) => stream
            .write_all(head("200 OK", &length(content.len() as u64)).as_bytes())
            .and_then(|()| stream.write_all(&content)),
        Some(Said::Parts(content, dies_after)) => {
            let (first, last) = range.unwrap_or((0, content.len() - 1));
            let part = content.get(first..=last).unwrap_or_default();
            let more = format!(
                "Content-Range: bytes {first}-{last}/{}\r\n{}",
                content.len(),
                length(part.len() as u64)
            );
            let head = head("206 Partial Content", &more);
            let sent = &part[..part.len().min(dies_after)];
            sent_bytes.fetch_add((head.len() + sent.len()) as u64, Ordering::Relaxed);
            stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(sent))
        }
        Some(Said::OtherPart(content)) => {
            let more = format!(
                "Content-Range: bytes 1-{0}/{0}\r\n{1}",
                content.len(),
                length(content.len() as u64)
            );
            stream
                .write_all(head("206 Partial Content", &more).as_bytes())
                .and_then(|()| stream.write_all(&content))
        }
        Some(Said::Short(claimed, content)) => stream
            .write_all(head("200 OK", &length(claimed)).as_bytes())
            .and_then(|()| stream.write_all(&content)),
        Some(Said::Drip(content)) => {
            let (first, last) = range.unwrap_or((0, content.len() - 1));
            let part = content.get(first..=last).unwrap_or_default();
            let more = format!(
                "Content-Range: bytes {first}-{last}/{}\r\n{}",
                content.len(),
                length(part.len() as u64)
            );
            let status = if range.is_some() {
                "206 Partial Content"
            } else {
                "200 OK"
            };
            let mut sent = stream.write_all(head(status, &more).as_bytes());
            for byte in part {
                std::thread::sleep(std::time::Duration::from_millis(100));
                sent = sent.and_then(|()| stream.write_all(&[*byte]));
                if sent.is_err() {
                    break;
                }
            }
            sent
        }
        Some(Said::EndlessHead) => {
            let mut sent = stream.write_all(b"HTTP/1.1 200 OK\r\n");
            while sent.is_ok() {
                sent = stream.write_all(b"X-More: and more\r\n");
            }
            sent
        }
        Some(Said::Packed(content)) => {
            let more = format!("Content-Encoding: gzip\r\n{}", length(content.len() as u64));
            stream
                .write_all(head("200 OK", &more).as_bytes())
                .and_then(|()| stream.write_all(&content))
        }
        Some(Said::Endless) => {
            let mut sent = stream.write_all(head("200 OK", "").as_bytes());
            while sent.is_ok() {
                sent = stream.write_all(&[b' '; 65_536]);
            }
            Ok(())
        }
        Some(Said::Silent(content)) => stream
            .write_all(head("200 OK", &length(1 << 20)).as_bytes())
            .and_then(|()| stream.write_all(&content))
            .and_then(|()| {
                let mut rest = Vec::new();
                reader.read_to_end(&mut rest).map(|_| ())
            }),
    };
}
