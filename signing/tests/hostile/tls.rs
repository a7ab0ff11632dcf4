//! A mirror over TLS: the right one is taken, another one is not asked anything.
use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use posto_signing::http::{Authorities, HttpSource, Patience};
use posto_signing::source::{Source, TargetPath};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::case;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A server with a certificate for `name`; what it was asked is kept.
fn server(authority: &Authority, name: &str, end: Option<i32>) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    if let Some(year) = end {
        params.not_before = rcgen::date_time_ymd(year - 1, 1, 1);
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
    }
    let certificate = params.signed_by(&key, authority).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.der().clone()],
            PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der())),
        )
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::<Mutex<Vec<u8>>>::default();
    let kept = asked.clone();
    std::thread::spawn(move || {
        let config = Arc::new(config);
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(config.clone()).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            let mut buffer = [0; 4096];
            if let Ok(count) = stream.read(&mut buffer) {
                kept.lock().unwrap().extend(buffer.iter().take(count));
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nright",
                );
            }
        }
    });
    (port, asked)
}

fn asked(port: u16, authorities: &Authorities) -> Result<Vec<u8>, String> {
    let base = format!("https://localhost:{port}");
    let patience = Patience {
        connect: Duration::from_secs(20),
        metadata: Duration::from_secs(20),
        target: Duration::from_secs(20),
    };
    let mut source = HttpSource::new(&base, Some(&base), patience, authorities);
    let mut content = Vec::new();
    source
        .target(&TargetPath::new("patch", None).unwrap())
        .map_err(|error| error.to_string())?
        .read_to_end(&mut content)
        .map_err(|error| error.to_string())?;
    Ok(content)
}

pub(crate) fn only_the_mirror_that_an_authority_vouches_for_by_name_is_asked() {
    let (ours, other) = (authority(), authority());
    let trusted = Authorities::from_pem(ours.pem().as_bytes()).unwrap();

    let (port, _) = server(&ours, "localhost", None);
    assert_eq!(asked(port, &trusted).unwrap(), b"right");
    assert!(asked(port, &Authorities::Public).is_err());

    for (case_name, authority, name, end) in [
        ("TLS of another host", &ours, "mirror.example", None),
        ("TLS by an unknown authority", &other, "localhost", None),
        ("TLS that has expired", &ours, "localhost", Some(2001)),
    ] {
        case(case_name);
        let (port, was_asked) = server(authority, name, end);
        let why = asked(port, &trusted).unwrap_err();
        assert!(why.contains("certificate"), "{why}");
        assert!(was_asked.lock().unwrap().is_empty());
    }
}

pub(crate) fn a_server_without_tls_is_not_asked_in_clear() {
    case("no TLS where it should be");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright");
        }
    });
    assert!(asked(port, &Authorities::Public).is_err());
    assert!(Authorities::from_pem(b"no certificate").is_none());
}
