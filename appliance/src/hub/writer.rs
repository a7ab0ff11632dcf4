//! The one who writes. All frames that wait go into one transaction (group commit): while the disk flushes one, the next gathers. Only
//! after the flush is the fleet changed and anybody answered.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::Hub;
use super::answer::{Answer, Answers};
use super::counts::Fate;
use super::fleet::{Change, Fleet};
use super::store::{Arrived, Heard, Kind, Outcome, Standing, Store, StoreError, key_id};
use crate::box_key::Fingerprint;
use crate::health::ack::{Verdict, check};
use crate::health::datagram::{QUIET_LIMIT, Wish};
use crate::health::hello::Hello;
use crate::system::{clock, log};

/// What may wait; more is dropped and sent again by the boxes.
pub const QUEUE: usize = 8_192;
/// Frames in one transaction.
const BATCH: usize = 2_048;
/// How often silence is looked for, and whether the command line changed something.
const TICK: Duration = Duration::from_secs(1);
/// How often rhythms are kept: what a restart forgets of them.
const RHYTHMS_KEPT: Duration = Duration::from_secs(300);
/// How often one box's old frames are thinned: 10,000 boxes take a day and a half.
const THINNED: Duration = Duration::from_secs(12);

/// What is to be written.
#[derive(Debug)]
pub enum Work {
    /// A frame that came in a datagram.
    Frame(Arrived, Instant, std::net::SocketAddr, Wish),
    /// Frames of one batch; their outcomes in their order.
    Batch(Vec<Arrived>, Instant, oneshot::Sender<Vec<Outcome>>),
    /// What a box says of itself.
    Hello(
        Box<Hello>,
        Option<std::net::SocketAddr>,
        Option<oneshot::Sender<Heard>>,
    ),
    /// An officer's decision.
    Decide {
        /// About whom.
        fingerprint: Fingerprint,
        /// Approve or refuse.
        approve: bool,
        /// Who.
        by: String,
        /// What became of it.
        done: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// Writes until the hub stops or nobody can send any more.
pub fn run(hub: &Arc<Hub>, mut store: Store, work: &Receiver<Work>, answers: &Answers) {
    let (mut rhythms_kept, mut thinned) = (Instant::now(), Instant::now());
    let mut to_thin: Vec<i64> = Vec::new();
    let mut looked = Instant::now();
    loop {
        let first = match work.recv_timeout(TICK) {
            Ok(first) => Some(first),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let mut frames = Vec::new();
        let mut rest = Vec::new();
        let mut count = 0;
        let waiting = first
            .into_iter()
            .chain(std::iter::from_fn(|| work.try_recv().ok()));
        for one in waiting {
            match one {
                Work::Frame(arrived, came, to, wish) => {
                    count += 1;
                    frames.push((vec![arrived], came, To::Source(to, wish)));
                }
                Work::Batch(arrived, came, to) => {
                    count += arrived.len();
                    frames.push((arrived, came, To::Batch(to)));
                }
                other => rest.push(other),
            }
            if count >= BATCH || rest.len() >= BATCH {
                break;
            }
        }
        if !frames.is_empty() {
            keep(hub, &mut store, frames, answers);
        }
        for one in rest {
            other(hub, &mut store, one, answers);
        }
        if looked.elapsed() >= TICK {
            looked = Instant::now();
            look(hub, &mut store);
        }
        if rhythms_kept.elapsed() >= RHYTHMS_KEPT {
            rhythms_kept = Instant::now();
            keep_rhythms(hub, &mut store);
        }
        if thinned.elapsed() >= THINNED {
            thinned = Instant::now();
            if to_thin.is_empty() {
                to_thin = hub.fleet().ids();
            }
            if let Some(id) = to_thin.pop() {
                thin(hub, &mut store, id);
            }
        }
        if hub.is_stopping() {
            break;
        }
    }
    keep_rhythms(hub, &mut store);
}

/// Whom to tell.
enum To {
    Source(std::net::SocketAddr, Wish),
    Batch(oneshot::Sender<Vec<Outcome>>),
}

fn keep(hub: &Hub, store: &mut Store, work: Vec<(Vec<Arrived>, Instant, To)>, answers: &Answers) {
    let mut all = Vec::new();
    let mut told = Vec::new();
    for (arrived, came, to) in work {
        told.push((arrived.len(), came, to));
        all.extend(arrived);
    }
    let outcomes = match store.keep(&all) {
        Ok(outcomes) => outcomes,
        Err(error) => {
            // Nobody is answered: the boxes keep their frames and send them again.
            all.iter().for_each(|_| hub.counts.count(Fate::StoreFailed));
            log::log(&format!("frames were not kept: {error}"));
            return;
        }
    };
    hub.counts.commits.fetch_add(1, Ordering::Relaxed);
    let mut changes = Vec::new();
    {
        let mut fleet = hub.fleet_mut();
        for (arrived, outcome) in all.iter().zip(&outcomes) {
            if *outcome != Outcome::OtherWords {
                fleet.take(arrived, *outcome == Outcome::New, &mut changes);
            }
        }
    }
    for (arrived, outcome) in all.iter().zip(&outcomes) {
        hub.counts.count(match outcome {
            Outcome::New => Fate::Kept,
            Outcome::Before => Fate::Duplicate,
            Outcome::OtherWords => Fate::OtherWords,
        });
        if *outcome == Outcome::New && !arrived.is_on_time() {
            hub.counts.off_time.fetch_add(1, Ordering::Relaxed);
        }
    }
    let mut results = all.iter().zip(outcomes);
    for (count, came, to) in told {
        let took = came.elapsed();
        let own: Vec<(&Arrived, Outcome)> = results.by_ref().take(count).collect();
        own.iter().for_each(|_| hub.counts.took(took));
        match to {
            To::Source(to, wish) => own.iter().for_each(|(arrived, outcome)| {
                if *outcome != Outcome::New {
                    hub.sources.wasted(to.ip(), arrived.received_s);
                }
                let verdict = verdict(*outcome);
                let spoken_of = spoken_of(store, arrived, verdict, wish);
                if let Some((sequences, check)) = spoken_of {
                    answers.send(Answer {
                        to,
                        key_id: arrived.key_id,
                        verdict,
                        sequences,
                        check,
                    });
                }
            }),
            // Whoever asked may have gone; what is kept is kept.
            To::Batch(to) => {
                to.send(own.into_iter().map(|(_, outcome)| outcome).collect())
                    .ok();
            }
        }
    }
    note(store, &changes, clock::unix_seconds());
}

/// The numbers that the answer to a datagram speaks of, and what vouches for those before its own; `None`: no answer.
fn spoken_of(
    store: &Store,
    arrived: &Arrived,
    verdict: Verdict,
    wish: Wish,
) -> Option<(Vec<u32>, Option<u32>)> {
    let own = arrived.frame.sequence;
    let before = match wish {
        Wish::Quiet => return None,
        // Those that are not named are sent once more.
        Wish::Since(first) if verdict == Verdict::Taken => {
            let held = store.held(arrived.box_id, first, own, QUIET_LIMIT);
            held.unwrap_or_default()
        }
        Wish::Since(_) | Wish::Own => Vec::new(),
    };
    let check = check(before.iter().map(|(_, bytes)| bytes.as_slice()));
    let check = (!before.is_empty()).then_some(check);
    let numbers = before.into_iter().map(|(number, _)| number);
    Some((numbers.chain([own]).collect(), check))
}

/// What a box is told of a frame's outcome.
#[must_use]
pub fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::New | Outcome::Before => Verdict::Taken,
        Outcome::OtherWords => Verdict::OtherWords,
    }
}

/// What a box is told of its hello; `None`: nothing.
#[must_use]
pub fn hello_verdict(heard: Heard) -> Option<Verdict> {
    match heard {
        Heard::New | Heard::Known(Standing::Waiting) | Heard::Old(Standing::Waiting) => {
            Some(Verdict::Waiting)
        }
        Heard::Known(Standing::Approved) | Heard::Old(Standing::Approved) => Some(Verdict::Taken),
        Heard::Known(_) | Heard::Old(_) | Heard::Full => None,
    }
}

fn other(hub: &Hub, store: &mut Store, work: Work, answers: &Answers) {
    let now_s = clock::unix_seconds();
    match work {
        Work::Hello(hello, to, done) => {
            let heard = match store.hear(&hello, now_s) {
                Ok(heard) => heard,
                Err(error) => {
                    hub.counts.count(Fate::StoreFailed);
                    log::log(&format!("a hello was not noted: {error}"));
                    return;
                }
            };
            hub.counts.count(match heard {
                Heard::Full => Fate::Limited,
                Heard::Known(Standing::Refused | Standing::Superseded) => Fate::Refused,
                _ => Fate::Hello,
            });
            if !matches!(heard, Heard::Full | Heard::Old(_))
                && let Ok(Some(known)) = store.by_key(&hello.key)
            {
                hub.fleet_mut().set(known);
            }
            if heard == Heard::New {
                let unknown = (hello.facility.as_str().to_string(), Kind::Unknown, None);
                note(store, &[unknown], now_s);
            }
            if let (Some(to), Some(verdict)) = (to, hello_verdict(heard)) {
                answers.send(Answer {
                    to,
                    key_id: key_id(&hello.key),
                    verdict,
                    sequences: vec![hello.sequence],
                    check: None,
                });
            }
            done.into_iter().for_each(|done| {
                done.send(heard).ok();
            });
        }
        Work::Decide {
            fingerprint,
            approve,
            by,
            done,
        } => {
            let decided = store.decide(fingerprint, approve, &by, now_s);
            if decided.is_ok() {
                read_again(hub, store, now_s);
            }
            done.send(decided.map(drop)).ok();
        }
        Work::Frame(..) | Work::Batch(..) => {}
    }
}

/// The silent ones, and what the command line has changed.
fn look(hub: &Hub, store: &mut Store) {
    let now_s = clock::unix_seconds();
    let changed = store
        .version()
        .ok()
        .filter(|version| *version != hub.fleet().version());
    if changed.is_some() {
        read_again(hub, store, now_s);
    }
    let changes = hub.fleet_mut().notice_silence(now_s);
    note(store, &changes, now_s);
}

fn read_again(hub: &Hub, store: &Store, now_s: u64) {
    let read = Fleet::load(store, Some(&*hub.fleet()), now_s);
    match read {
        Ok(fleet) => *hub.fleet_mut() = fleet,
        Err(error) => log::log(&format!("the boxes were not read again: {error}")),
    }
}

fn note(store: &mut Store, changes: &[Change], now_s: u64) {
    if changes.is_empty() {
        return;
    }
    let notices: Vec<_> = changes
        .iter()
        .map(|(facility, kind, alarm)| (facility.as_str(), *kind, *alarm))
        .collect();
    if let Err(error) = store.note(&notices, now_s) {
        log::log(&format!("notices were not kept: {error}"));
    }
}

fn keep_rhythms(hub: &Hub, store: &mut Store) {
    let kept = store.keep_rhythms(hub.fleet().rhythms());
    if let Err(error) = kept {
        log::log(&format!("rhythms were not kept: {error}"));
    }
}

fn thin(hub: &Hub, store: &mut Store, id: i64) {
    let now_s = clock::unix_seconds();
    match store.thin(id, now_s) {
        Ok((0, _)) => {}
        Ok((_, thinned_to)) => hub.fleet_mut().thinned(id, thinned_to),
        Err(error) => log::log(&format!("old frames were not thinned: {error}")),
    }
}
