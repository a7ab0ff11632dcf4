//! What a fetch costs on the wire: every byte of TCP's payload in both directions, handshakes of TLS included, over a link that dies.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test panics where it fails"
)]

mod made;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use posto_signing::fetch::{Partial, Piece, Pieces};
use posto_signing::http::{Authorities, HttpSource, Patience};
use posto_signing::source::TargetPath;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{HandshakeKind, ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};

use made::fetch_from;

/// A month's patch.
const PATCH_BYTES: usize = 20_000_000;
const PIECE_BYTES: usize = 512 << 10;
/// What 3G brings in 20 s at 1 Mbit/s.
const LIVES_BYTES: u64 = 2_500_000;
/// And 2G at 100 kbit/s.
const LIVES_SHORT_BYTES: u64 = 250_000;
/// Goal of the total to the patch.
const GOAL: f64 = 1.02;

#[derive(Default)]
struct Counted {
    connections: AtomicU64,
    up_bytes: AtomicU64,
    down_bytes: AtomicU64,
    resumed: AtomicU64,
}

fn patch() -> Vec<u8> {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..PATCH_BYTES / 8).flat_map(|_| next()).collect()
}

fn pieces(content: &[u8]) -> Pieces {
    let piece = |piece: &[u8]| Piece {
        bytes: piece.len() as u64,
        sha256: Sha256::digest(piece).into(),
    };
    Pieces::new(content.chunks(PIECE_BYTES).map(piece).collect()).unwrap()
}

/// An authority, and a server's chain as long as public ones are (leaf, intermediate: 4 to 5 KB with their signatures).
fn chain() -> (String, ServerConfig, usize) {
    let issuer = |params: CertificateParams| {
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let authority_params = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
    };
    let authority = issuer(authority_params());
    let between =
        CertifiedIssuer::signed_by(authority_params(), KeyPair::generate().unwrap(), &authority)
            .unwrap();
    let key = KeyPair::generate().unwrap();
    let mut names = vec!["localhost".to_owned()];
    names.extend((0..100).map(|number| format!("mirror-{number:03}.of.a.long.name.example")));
    let leaf = CertificateParams::new(names)
        .unwrap()
        .signed_by(&key, &between)
        .unwrap();
    let chain = vec![leaf.der().clone(), between.der().clone()];
    let bytes = chain.iter().map(|one| one.len()).sum();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            chain,
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    (authority.pem(), config, bytes)
}

/// Answers questions for parts for as long as the connection lives.
fn answer(mut stream: impl Read + Write, content: &[u8]) {
    let mut asked = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        while !asked.ends_with(b"\r\n\r\n") {
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => asked.extend(&buffer[..count]),
                _ => return,
            }
        }
        let text = String::from_utf8_lossy(&asked).to_ascii_lowercase();
        let range = text.split("range: bytes=").nth(1).unwrap();
        let (first, last) = range.lines().next().unwrap().split_once('-').unwrap();
        let (first, last): (usize, usize) = (first.parse().unwrap(), last.parse().unwrap());
        let part = &content[first..=last];
        // Some lines more than needed, as public servers send them.
        let head = format!(
            "HTTP/1.1 206 Partial Content\r\nServer: nginx\r\nDate: Thu, 26 Nov 2026 20:00:00 GMT\r\n\
             Content-Type: application/octet-stream\r\nETag: \"65a1b2c3-1312d00\"\r\nAccept-Ranges: bytes\r\n\
             Content-Range: bytes {first}-{last}/{}\r\nContent-Length: {}\r\n\r\n",
            content.len(),
            part.len()
        );
        asked.clear();
        let sent = stream.write_all(head.as_bytes());
        if sent.and_then(|()| stream.write_all(part)).is_err() {
            return;
        }
    }
}

fn server(tls: Option<ServerConfig>, content: Arc<Vec<u8>>, counted: Arc<Counted>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let tls = tls.map(Arc::new);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (tls, content, counted) = (tls.clone(), content.clone(), counted.clone());
            std::thread::spawn(move || {
                let Some(tls) = tls else {
                    return answer(stream, &content);
                };
                let mut connection = ServerConnection::new(tls).unwrap();
                if connection.complete_io(&mut stream).is_err() {
                    return;
                }
                if connection.handshake_kind() == Some(HandshakeKind::Resumed) {
                    counted.resumed.fetch_add(1, Ordering::Relaxed);
                }
                answer(StreamOwned::new(connection, stream), &content);
            });
        }
    });
    port
}

/// Between client and server: counts, and dies when so many bytes went down.
fn link(to: u16, lives_bytes: u64, counted: Arc<Counted>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            counted.connections.fetch_add(1, Ordering::Relaxed);
            let server = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let (up, down) = (counted.clone(), counted.clone());
            let (from, into) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || carry(from, into, u64::MAX, &up.up_bytes));
            std::thread::spawn(move || carry(server, client, lives_bytes, &down.down_bytes));
        }
    });
    port
}

fn carry(mut from: TcpStream, mut to: TcpStream, lives_bytes: u64, count: &AtomicU64) {
    let mut left = lives_bytes;
    let mut buffer = vec![0; 1400];
    while left > 0 {
        let most = usize::try_from(left).map_or(buffer.len(), |left| left.min(buffer.len()));
        match from.read(&mut buffer[..most]) {
            Ok(came) if came > 0 => {
                left -= came as u64;
                count.fetch_add(came as u64, Ordering::Relaxed);
                if to.write_all(&buffer[..came]).is_err() {
                    break;
                }
            }
            _ => break,
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn all_bytes_on_the_wire_of_a_link_that_dies_are_few_more_than_the_patch() {
    let content = Arc::new(patch());
    let pieces = pieces(&content);
    for (name, tls, lives_bytes) in [
        ("http, every 2.5 MB", false, LIVES_BYTES),
        ("https, every 2.5 MB", true, LIVES_BYTES),
        ("https, never", true, u64::MAX),
        ("https, every 250 kB", true, LIVES_SHORT_BYTES),
    ] {
        let counted = Arc::new(Counted::default());
        let (authority, config, chain_bytes) = chain();
        let server = server(tls.then_some(config), content.clone(), counted.clone());
        let port = link(server, lives_bytes, counted.clone());
        let scheme = if tls { "https" } else { "http" };
        let base = format!("{scheme}://localhost:{port}");
        let authorities = Authorities::from_pem(authority.as_bytes()).unwrap();
        let mut source = HttpSource::new(&base, Some(&base), Patience::default(), &authorities);
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("patch.partial");
        let mut partial = Partial::open(&at, &pieces).unwrap();
        let path = TargetPath::new("patch", None).unwrap();
        fetch_from(&mut source, &path, &pieces, &mut partial).unwrap();
        assert!(std::fs::read(&at).unwrap() == *content);
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (up, down) = (read(&counted.up_bytes), read(&counted.down_bytes));
        let (connections, resumed) = (read(&counted.connections), read(&counted.resumed));
        let ratio = (up + down) as f64 / content.len() as f64;
        eprintln!(
            "{name}: {connections} connections ({resumed} resumed, a chain of {chain_bytes} bytes), {up} bytes up, {down} down: {ratio:.4}"
        );
        // As many as the link lives, and one that lives is used on.
        let least = (content.len() as u64).div_ceil(lives_bytes);
        assert!(
            connections <= least + 1 + least / 10,
            "{connections} connections"
        );
        if lives_bytes > LIVES_SHORT_BYTES {
            assert!(ratio <= GOAL, "{ratio}");
        }
        if tls {
            assert_eq!(
                resumed,
                connections - 1,
                "the first handshake alone is a whole one"
            );
        }
    }
}
