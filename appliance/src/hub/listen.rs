//! The web's side of the door: connections, each with bounds on headers, length of life and number, in plain HTTP or with the hub's
//! own certificate.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower_service::Service;

/// Open connections; more are closed at once. A proxy needs few.
const CONNECTIONS: usize = 512;
/// For the head of a request, and between requests.
const HEAD: Duration = Duration::from_secs(15);
/// For a whole connection: a slow reader does not keep it for ever.
const LIFE: Duration = Duration::from_secs(300);
/// Of a request's head.
const HEAD_LIMIT_BYTES: usize = 16 * 1024;

/// Who is at the other end of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Serves until `stop` comes. Connections under way are given up: every request can be made again.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => return,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors: whoever waits goes on waiting.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            continue;
        };
        let router = router.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let mut request = request.map(Body::new);
                request.extensions_mut().insert(Peer(peer));
                router.clone().call(request)
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD)
                .max_buf_size(HEAD_LIMIT_BYTES)
                .serve_connection(TokioIo::new(stream), service);
            // What a client did wrong is its own affair.
            tokio::time::timeout(LIFE, connection).await.ok();
            drop(place);
        });
    }
}

/// Whose request it is. A proxy on this machine says it in the last entry of `X-Forwarded-For`; nobody else is believed.
#[must_use]
pub fn source(peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
    let forwarded = headers
        .get_all("x-forwarded-for")
        .iter()
        .next_back()
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.rsplit(',').next())
        .and_then(|last| last.trim().parse().ok());
    match forwarded {
        Some(source) if peer.ip().is_loopback() => source,
        _ => peer.ip(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_on_this_machine_is_believed_about_the_source() {
        let mut headers = HeaderMap::new();
        let here: SocketAddr = "127.0.0.1:5".parse().unwrap();
        let there: SocketAddr = "192.0.2.7:5".parse().unwrap();
        assert_eq!(source(here, &headers), here.ip());
        headers.append("x-forwarded-for", "10.9.9.9, 198.51.100.3".parse().unwrap());
        assert_eq!(source(here, &headers).to_string(), "198.51.100.3");
        assert_eq!(source(there, &headers), there.ip());
        headers.append("x-forwarded-for", "nonsense".parse().unwrap());
        assert_eq!(source(here, &headers), here.ip());
    }
}
