//! A mirror: a folder of static files over HTTP, with byte ranges (RFC 9110, section 14), on a link that may die.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::{Context, Result};

/// A question's head is far shorter.
const HEAD_MAX_BYTES: u64 = 8 << 10;
const PIECE_BYTES: usize = 16 << 10;

/// A running mirror; it ends with this value.
#[derive(Debug)]
pub struct Mirror {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    folder: PathBuf,
    /// Bytes of bodies that were sent.
    sent: AtomicU64,
    /// Of one connection, before it dies.
    each: AtomicU64,
    /// Of all connections, before nobody answers any more.
    all: AtomicU64,
    ended: AtomicBool,
}

impl Mirror {
    /// Serves `folder` at `address` (port 0: any).
    ///
    /// # Errors
    /// When it cannot listen there.
    pub fn start(address: &str, folder: &Path) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| address.to_owned())?;
        let state = Arc::new(State {
            folder: folder.to_path_buf(),
            sent: AtomicU64::new(0),
            each: AtomicU64::new(u64::MAX),
            all: AtomicU64::new(u64::MAX),
            ended: AtomicBool::new(false),
        });
        let address = listener.local_addr()?;
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A link that dies in the middle of an answer is what it is for.
                std::thread::spawn(move || stream.map(|stream| shared.serve(stream)));
            }
        });
        Ok(Self { address, state })
    }

    /// Its port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Bytes of bodies that were sent so far.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::Relaxed)
    }

    /// From now on each connection dies after so many bytes, and all of them after so many.
    pub fn die(&self, each: u64, all: u64) {
        self.state.each.store(each, Ordering::Relaxed);
        let all = self.sent().saturating_add(all);
        self.state.all.store(all, Ordering::Relaxed);
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn serve(&self, stream: TcpStream) -> Result<()> {
        let mut left = self.each.load(Ordering::Relaxed);
        let mut lines = BufReader::new(stream.try_clone()?);
        while let Some((path, range)) = question(&mut lines)? {
            let place = self.folder.join(path.trim_start_matches('/'));
            if self.is_dead() {
                return Ok(());
            }
            let Ok(mut file) = File::open(&place) else {
                (&stream).write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")?;
                continue;
            };
            let length = file.metadata()?.len();
            let (from, bytes) = match range {
                Some((from, last)) if from < length => {
                    let bytes = last.min(length - 1) + 1 - from;
                    write!(
                        &stream,
                        "HTTP/1.1 206 Partial Content\r\nContent-Length: {bytes}\r\n\
                         Content-Range: bytes {from}-{}/{length}\r\n\r\n",
                        from + bytes - 1
                    )?;
                    (from, bytes)
                }
                _ => {
                    write!(
                        &stream,
                        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n"
                    )?;
                    (0, length)
                }
            };
            file.seek(SeekFrom::Start(from))?;
            let mut body = file.take(bytes);
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                let count = body.read(&mut piece)?;
                if count == 0 {
                    break;
                }
                let dying = usize::try_from(left)?.min(count);
                (&stream).write_all(piece.get(..dying).unwrap_or_default())?;
                self.sent.fetch_add(dying as u64, Ordering::Relaxed);
                left -= dying as u64;
                if dying < count || self.is_dead() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn is_dead(&self) -> bool {
        self.sent.load(Ordering::Relaxed) >= self.all.load(Ordering::Relaxed)
    }
}

type Range = Option<(u64, u64)>;

/// The path asked for, and first and last byte. `None`: the connection has ended.
fn question(lines: &mut impl BufRead) -> Result<Option<(String, Range)>> {
    let mut lines = lines.take(HEAD_MAX_BYTES);
    let mut line = String::new();
    if lines.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).context("a question")?.to_owned();
    let mut range = None;
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(Some((path, range)));
        }
        let (name, value) = line.split_once(':').context("a header")?;
        if name.eq_ignore_ascii_case("range") {
            let (from, last) = value
                .trim()
                .strip_prefix("bytes=")
                .and_then(|range| range.split_once('-'))
                .context("a range")?;
            range = Some((from.parse()?, last.parse()?));
        }
    }
}
