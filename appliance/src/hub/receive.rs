//! Datagrams: each is one message and a wish for an answer. Never waits for anything but the network: what cannot be queued is dropped and counted.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::Hub;
use super::answer::{Answer, Answers};
use super::counts::Fate;
use super::judge::{self, Dropped, Judged};
use super::writer::Work;
use crate::health::ack::Verdict;
use crate::health::datagram::{self, DATAGRAM_LIMIT_BYTES, Wish};
use crate::system::{clock, log};

/// How soon an end is noticed when nothing comes.
pub const WAIT: Duration = Duration::from_millis(500);
/// What the kernel may hold for us: some 10,000 datagrams by its own measure.
pub const BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Receives until the hub stops.
pub fn run(hub: &Hub, socket: &UdpSocket, answers: &Answers) {
    // One byte more shows what is too long.
    let mut buffer = [0u8; DATAGRAM_LIMIT_BYTES + 1];
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
    let (message, wish) = datagram::read(bytes);
    let work = match admit(hub, message, from.ip(), now_s) {
        Some(Judged::Keep(arrived)) => Work::Frame(arrived, came, from, wish),
        Some(Judged::Note(hello)) => Work::Hello(hello, Some(from), None),
        Some(Judged::Answer {
            to,
            verdict,
            sequence,
        }) => {
            if wish != Wish::Quiet {
                answers.send(Answer {
                    to: from,
                    key_id: to,
                    verdict,
                    sequences: sequence.into_iter().collect(),
                    check: None,
                });
            }
            return;
        }
        None => return,
    };
    if hub.work.try_send(work).is_err() {
        hub.counts.count(Fate::Busy);
    }
}

/// What is to be done about a message from an open source, whichever way it came; `None`: nothing, which is counted.
pub(super) fn admit(hub: &Hub, bytes: &[u8], source: IpAddr, now_s: u64) -> Option<Judged> {
    let judged = judge::judge(bytes, now_s, |id| hub.fleet().find(id));
    let may = match &judged {
        Ok(Judged::Keep(_)) => true,
        Ok(Judged::Note(hello)) => {
            let is_approved = hub.fleet().is_approved(&hello.key);
            let may = is_approved || hub.sources.may_say_hello(source, now_s);
            if !may {
                hub.counts.count(Fate::Limited);
            }
            may
        }
        Ok(Judged::Answer { verdict, .. }) => {
            hub.counts.count(match verdict {
                Verdict::Waiting => Fate::Waiting,
                _ => Fate::UnknownBox,
            });
            *verdict != Verdict::SayHello || hub.sources.may_answer_stranger(now_s)
        }
        Err(why) => {
            if *why == Dropped::Forged {
                hub.sources.wasted(source, now_s);
            }
            hub.counts.count(match why {
                Dropped::Malformed => Fate::Malformed,
                Dropped::Version => Fate::Version,
                Dropped::Forged => Fate::Forged,
                Dropped::Refused => Fate::Refused,
            });
            false
        }
    };
    judged.ok().filter(|_| may)
}
