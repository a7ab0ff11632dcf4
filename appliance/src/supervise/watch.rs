//! The watcher (`posto-watch`, user posto, loopback only): asks OpenMRS and the database what a clerk would ask, and
//! leaves what it saw for the daemon. It alone parses what they say.

mod modules;
mod sql;
mod web;

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{SignalKind, signal};

use super::seen::{Seen, ms};
use crate::places::Places;
use crate::system::clock;
use crate::system::durable::{self, DurableError, Owner};

/// Tomcat, on loopback only.
const OPENMRS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// While people wait.
const ROUND_BAD: Duration = Duration::from_secs(1);
/// While all is well.
const ROUND_GOOD: Duration = Duration::from_secs(10);

/// What was seen so far, shared by the two askers, which wait for nobody but their own server.
struct Board {
    seen: RefCell<Seen>,
    path: PathBuf,
}

impl Board {
    fn all_well(&self) -> bool {
        let seen = self.seen.borrow();
        seen.sql.streak.is_good() && seen.web.streak.is_good()
    }

    /// Leaves it for the daemon, and tells systemd that the watcher lives.
    fn leave(&self) -> Result<(), DurableError> {
        self.seen.borrow_mut().at = ms(clock::since_boot());
        let text = serde_json::to_vec(&*self.seen.borrow()).unwrap_or_default();
        durable::write(&self.path, &text, Owner::mode(0o644))?;
        let _ = sd_notify::notify(&[NotifyState::Watchdog]);
        Ok(())
    }
}

/// Runs until SIGTERM or SIGINT.
///
/// # Errors
/// When signals cannot be received or its directory cannot be written.
pub async fn run(places: Places) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let board = Board {
        seen: RefCell::new(Seen::default()),
        path: places.watch(),
    };
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let ended = tokio::select! {
        ended = sql(&board, &places) => ended,
        ended = web(&board, &places) => ended,
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    Ok(ended?)
}

async fn sql(board: &Board, places: &Places) -> Result<(), DurableError> {
    let mut asker = sql::Asker::new(places.database_socket());
    loop {
        let asked = clock::since_boot();
        let heard = asker.ask(asked).await;
        let now = clock::since_boot();
        sql::note(&mut board.seen.borrow_mut().sql, &heard, asked, now);
        board.leave()?;
        rest(board).await;
    }
}

async fn web(board: &Board, places: &Places) -> Result<(), DurableError> {
    let mut asker = web::Asker::new(OPENMRS, places);
    loop {
        let well = board.seen.borrow().web.streak.is_good();
        let asked = clock::since_boot();
        let heard = asker.ask(well, asked).await;
        let now = clock::since_boot();
        web::note(&mut board.seen.borrow_mut().web, heard, asked, now);
        board.leave()?;
        rest(board).await;
    }
}

/// The pause between two rounds. A long one ends early when the other asker has met trouble: then both look closely.
async fn rest(board: &Board) {
    if !board.all_well() {
        return tokio::time::sleep(ROUND_BAD).await;
    }
    let mut left = ROUND_GOOD;
    while !left.is_zero() && board.all_well() {
        let part = left.min(Duration::from_secs(2));
        tokio::time::sleep(part).await;
        left = left.saturating_sub(part);
    }
}
