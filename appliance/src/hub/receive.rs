//! Datagrams: each is one message. Never waits for anything but the network: what cannot be queued is dropped and counted.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::Hub;
use super::answer::{Answer, Answers};
use super::counts::Fate;
use super::judge::{self, Dropped, Judged, LIMIT_BYTES};
use super::writer::Work;
use crate::health::ack::Verdict;
use crate::system::{clock, log};

/// How soon an end is noticed when nothing comes.
pub const WAIT: Duration = Duration::from_millis(500);
/// What the kernel may hold for us: some 10,000 datagrams by its own measure.
pub const BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Receives until the hub stops.
pub fn run(hub: &Hub, socket: &UdpSocket, answers: &Answers) {
    // One byte more shows what is too long.
    let mut buffer = [0u8; LIMIT_BYTES + 1];
    while !hub.is_stopping() {
        match socket.recv_from(&mut buffer) {
            Ok((length, from)) => {
                if let Some(bytes) = buffer.get(..length) {
                    datagram(hub, bytes, from, answers);
                }
            }
            // Nothing came, or an answer before could not be delivered.
            Err(error) if is_passing(error.kind()) => {}
            Err(error) => {
                log::log(&format!("nothing can be received: {error}"));
                clock::pause(WAIT);
            }
        }
    }
}

fn is_passing(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    matches!(
        kind,
        WouldBlock | TimedOut | Interrupted | ConnectionRefused
    )
}

fn datagram(hub: &Hub, bytes: &[u8], from: SocketAddr, answers: &Answers) {
    let came = Instant::now();
    let now_s = clock::unix_seconds();
    if !hub.sources.is_open(from.ip(), now_s) {
        return hub.counts.count(Fate::Limited);
    }
    let judged = judge::judge(bytes, now_s, |id| hub.fleet().find(id));
    let work = match judged {
        Judged::Keep(arrived) => Work::Frame(arrived, came, from),
        Judged::Note(hello) => {
            let is_approved = hub.fleet().is_approved(&hello.key);
            if !is_approved && !hub.sources.may_say_hello(from.ip(), now_s) {
                return hub.counts.count(Fate::Limited);
            }
            Work::Hello(hello, Some(from), None)
        }
        Judged::Answer {
            to,
            verdict,
            sequence,
        } => {
            hub.counts.count(fate_of(verdict));
            if verdict != Verdict::SayHello || hub.sources.may_answer_stranger(now_s) {
                answers.send(Answer {
                    to: from,
                    key_id: to,
                    verdict,
                    sequence,
                });
            }
            return;
        }
        Judged::Drop(why) => {
            if why == Dropped::Forged {
                hub.sources.wasted(from.ip(), now_s);
            }
            return hub.counts.count(fate_of_dropped(why));
        }
    };
    if hub.work.try_send(work).is_err() {
        hub.counts.count(Fate::Busy);
    }
}

/// Under which name an answer without keeping is counted.
#[must_use]
pub fn fate_of(verdict: Verdict) -> Fate {
    match verdict {
        Verdict::Waiting => Fate::Waiting,
        _ => Fate::UnknownBox,
    }
}

/// Under which name something dropped is counted.
#[must_use]
pub fn fate_of_dropped(why: Dropped) -> Fate {
    match why {
        Dropped::Malformed => Fate::Malformed,
        Dropped::Version => Fate::Version,
        Dropped::Forged => Fate::Forged,
        Dropped::Refused => Fate::Refused,
    }
}
