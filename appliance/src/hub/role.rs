//! The hub from its start to its orderly end: sockets, threads, the web.

use std::fs::File;
use std::net::{SocketAddr, UdpSocket};
use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};

use rustix::fs::{FlockOperation, flock};

use super::access::{Access, AccessError};
use super::answer::{self, Answers};
use super::fleet::Fleet;
use super::key::{self, HubKeyError};
use super::pages::{self, Web};
use super::store::{Store, StoreError};
use super::{Hub, life, listen, receive, webhook, writer};
use crate::system::clock;
use crate::system::durable::DurableError;
use crate::texts::Language;

/// Threads that check signatures; more find no work even at 10,000 boxes.
const RECEIVERS: usize = 4;
/// Threads of the web.
const WEB_THREADS: usize = 2;
/// Pages that are made at once.
const PAGE_THREADS: usize = 8;

/// How the hub is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where its files are.
    pub data: PathBuf,
    /// The web, and batches of pings.
    pub listen: SocketAddr,
    /// Pings by UDP.
    pub pings: SocketAddr,
    /// Told of alarms.
    pub webhook: Option<String>,
    /// Given life signs.
    pub life: Option<String>,
    /// IANA time zone of the pages.
    pub time_zone: String,
    /// Language of notices.
    pub language: Language,
}

/// Why the hub does not run.
#[derive(Debug, thiserror::Error)]
pub enum RoleError {
    /// The directory.
    #[error("{0}")]
    Durable(#[from] DurableError),
    /// Another one runs on the same directory.
    #[error("another hub runs on {0}")]
    Taken(PathBuf),
    /// The frames' store.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// Users.
    #[error("{0}")]
    Access(#[from] AccessError),
    /// The hub's key.
    #[error("{0}")]
    Key(#[from] HubKeyError),
    /// A socket.
    #[error("{address} cannot be listened on: {source}")]
    Socket {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Something of the operating system's.
    #[error("the hub cannot run: {0}")]
    Io(#[from] std::io::Error),
}

/// Where it came to listen.
#[derive(Debug, Clone, Copy)]
pub struct Listening {
    /// The web.
    pub web: SocketAddr,
    /// Pings.
    pub pings: SocketAddr,
}

/// Runs until SIGTERM or SIGINT. `ready` is told where, as soon as both sockets listen.
///
/// # Errors
/// [`RoleError`].
pub fn run(options: Options, ready: impl FnOnce(Listening)) -> Result<(), RoleError> {
    super::folder(&options.data)?;
    let _held = hold(&options)?;
    let store = Store::open(&options.data)?;
    let access = Access::open(&options.data)?;
    let key = key::ensure(&options.data)?;
    let fleet = Fleet::load(&store, None, clock::unix_seconds())?;
    let (work, to_do) = sync_channel(writer::QUEUE);
    let hub = Arc::new(Hub::new(options.data.clone(), key, fleet, access, work));
    let (answers, to_answer) = sync_channel(answer::QUEUE);
    let answers = Answers::new(answers);
    let socket = datagrams(options.pings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WEB_THREADS)
        .max_blocking_threads(PAGE_THREADS)
        .enable_all()
        .build()?;
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind(options.listen))
        .map_err(|source| RoleError::Socket {
            address: options.listen,
            source,
        })?;
    let listening = Listening {
        web: listener.local_addr()?,
        pings: socket.local_addr()?,
    };

    let mut threads = Vec::new();
    {
        let (hub, answers) = (Arc::clone(&hub), answers.clone());
        spawn(&mut threads, "write", move || {
            writer::run(&hub, store, &to_do, &answers);
        })?;
    }
    {
        let (socket, key) = (socket.try_clone()?, hub.key.clone());
        spawn(&mut threads, "answer", move || {
            answer::run(&socket, &key, &to_answer)
        })?;
    }
    let receivers = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(RECEIVERS);
    for _ in 0..receivers {
        let (hub, answers, socket) = (Arc::clone(&hub), answers.clone(), socket.try_clone()?);
        spawn(&mut threads, "receive", move || {
            receive::run(&hub, &socket, &answers)
        })?;
    }
    drop(answers);
    if let Some(url) = options.webhook.clone() {
        let (hub, store, language) = (
            Arc::clone(&hub),
            Store::open(&options.data)?,
            options.language,
        );
        spawn(&mut threads, "webhook", move || {
            webhook::run(&hub, store, &url, language)
        })?;
    }
    if let Some(url) = options.life.clone() {
        let hub = Arc::clone(&hub);
        spawn(&mut threads, "life", move || life::run(&hub, &url))?;
    }

    ready(listening);
    let router = pages::router(Web {
        hub: Arc::clone(&hub),
        logins: Arc::default(),
        time_zone: options.time_zone.into(),
    });
    runtime.block_on(listen::serve(listener, router, asked_to_end()));
    hub.stop();
    runtime.shutdown_background();
    for thread in threads {
        thread.join().ok();
    }
    Ok(())
}

/// The directory is one hub's.
fn hold(options: &Options) -> Result<File, RoleError> {
    let path = options.data.join("lock");
    let file = File::options().create(true).append(true).open(&path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)
        .map_err(|_| RoleError::Taken(options.data.clone()))?;
    Ok(file)
}

fn datagrams(address: SocketAddr) -> Result<UdpSocket, RoleError> {
    let failed = |source| RoleError::Socket { address, source };
    let socket = UdpSocket::bind(address).map_err(failed)?;
    socket
        .set_read_timeout(Some(receive::WAIT))
        .map_err(failed)?;
    // As root beyond the system's bound; else up to it.
    use rustix::net::sockopt::{set_socket_recv_buffer_size, set_socket_recv_buffer_size_force};
    if set_socket_recv_buffer_size_force(&socket, receive::BUFFER_BYTES).is_err() {
        set_socket_recv_buffer_size(&socket, receive::BUFFER_BYTES).ok();
    }
    Ok(socket)
}

fn spawn(
    threads: &mut Vec<JoinHandle<()>>,
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> std::io::Result<()> {
    threads.push(thread::Builder::new().name(name.to_string()).spawn(work)?);
    Ok(())
}

async fn asked_to_end() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut terminate), Ok(mut interrupt)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) else {
        // Without signals it runs until it is killed, which loses nothing.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
