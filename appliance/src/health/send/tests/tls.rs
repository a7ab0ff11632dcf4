//! A post over TLS, and what goes over the wire below it.

use std::net::TcpListener;

use super::*;

/// Counts what goes through it, both ways: what a capture below TLS would show.
struct Wire {
    stream: std::net::TcpStream,
    bytes: Arc<Mutex<u64>>,
}

impl Read for Wire {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let read = self.stream.read(to)?;
        *self.bytes.lock().unwrap() += read as u64;
        Ok(read)
    }
}

impl Write for Wire {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        let written = self.stream.write(from)?;
        *self.bytes.lock().unwrap() += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// A hub's receiver over TLS with an authority of its own; what went over the wire.
fn https(receiver: &Receiver) -> (String, String, Arc<Mutex<u64>>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_string()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let bytes = Arc::new(Mutex::new(0));
    let (this, counted) = (receiver.clone(), Arc::clone(&bytes));
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let wire = Wire {
                stream,
                bytes: Arc::clone(&counted),
            };
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            this.answer_post(&mut rustls::StreamOwned::new(tls, wire));
        }
    });
    (format!("https://localhost:{port}"), made.cert.pem(), bytes)
}

#[test]
fn what_a_post_costs_is_counted_below_tls_with_its_handshake() {
    for pings in [1, 200] {
        let (_dir, mut post) = post();
        let receiver = Receiver::default();
        let (address, authority, counted) = https(&receiver);
        let mut hub = hub(None, Some(address));
        hub.authority = Some(authority);
        for at in 0..pings {
            put(&mut post, at, None);
        }
        let answers = exchange(&mut post, &hub, Duration::from_secs(1)).unwrap();
        assert_eq!(receiver.numbers().len() as u64, pings);
        let (seen, said) = (*counted.lock().unwrap(), answers.spent.https_bytes);
        // Headers of IP and TCP come on top.
        assert!(
            said > seen + 300 && said < seen * 5 / 4 + 2500,
            "{seen} {said}"
        );
        eprintln!("{pings} pings by HTTPS: {seen} bytes in TCP, {said} with headers and handshake");
    }
}
