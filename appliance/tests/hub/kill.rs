//! SIGKILL under load.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::UdpSocket;

use posto::health::ack::{Ack, Verdict};
use posto::hub::store::Store;

use crate::boxes::{MadeUp, to};
use crate::running::{Running, data};

const BOXES: u32 = 100;
const KILLS: u32 = 12;
/// Made for each life of the hub: more than it takes before it is killed.
const FRAMES: u32 = 3_000;
/// The hub is killed after so many answers, while others are under way.
const ANSWERS: usize = 700;
/// So many are under way: enough for a transaction of many, few enough that answers do not queue up behind the writing, which would
/// hide an answer that comes too early.
const UNDER_WAY: usize = 256;

/// Frames on their way to one life of the hub.
struct Sending<'a> {
    socket: &'a UdpSocket,
    frames: Vec<(u32, usize, Vec<u8>)>,
    next: usize,
    /// By box and number: its place among the frames.
    under_way: HashMap<(usize, u32), usize>,
}

impl Sending<'_> {
    fn fill(&mut self) {
        while self.under_way.len() < UNDER_WAY
            && let Some((sequence, at, frame)) = self.frames.get(self.next)
        {
            self.under_way.insert((*at, *sequence), self.next);
            self.socket.send(frame).unwrap();
            self.next += 1;
        }
    }

    fn again(&self) {
        for place in self.under_way.values() {
            self.socket.send(&self.frames[*place].2).ok();
        }
    }
}

#[test]
fn no_acknowledged_frame_is_lost_when_the_hub_is_killed_under_load() {
    let boxes: Vec<MadeUp> = (0..BOXES).map(MadeUp::new).collect();
    let dir = data(&boxes);
    let by_id: HashMap<_, _> = boxes
        .iter()
        .enumerate()
        .map(|(at, made_up)| (made_up.id, at))
        .collect();
    let mut acknowledged: Vec<(usize, u32)> = Vec::new();
    let mut first = 1;
    for life in 0..KILLS as usize {
        let mut hub = Running::start(dir.path(), &[]);
        let socket = hub.socket("127.0.0.1");
        let frames = (0..FRAMES)
            .map(|n| {
                let (sequence, at) = (first + n / BOXES, (n % BOXES) as usize);
                (sequence, at, boxes[at].frame(sequence, |_| {}))
            })
            .collect();
        first += FRAMES / BOXES;
        let mut sending = Sending {
            socket: &socket,
            frames,
            next: 0,
            under_way: HashMap::new(),
        };
        sending.fill();
        let mut buffer = [0u8; 512];
        let (mut heard, mut killed) = (0, false);
        loop {
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                // The closed port's refusal is told before the answers that still wait to be read.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
                Err(_) if killed => break,
                Err(_) => {
                    sending.again();
                    continue;
                }
            };
            let ack = Ack::verify(&buffer[..length], &hub.key).unwrap();
            assert_eq!(ack.verdict, Verdict::Taken);
            let at = by_id[&to(&buffer[..length])];
            let named: Vec<(usize, u32)> = sending
                .under_way
                .keys()
                .filter(|(whose, sequence)| *whose == at && ack.names(*sequence))
                .copied()
                .collect();
            for one in named {
                sending.under_way.remove(&one);
                acknowledged.push(one);
                heard += 1;
            }
            if heard >= ANSWERS + 37 * life && !killed {
                hub.kill();
                killed = true;
            }
            if !killed {
                sending.fill();
            }
        }
    }
    let store = Store::open(dir.path()).unwrap();
    let kept: Vec<Vec<u32>> = (1..=i64::from(BOXES))
        .map(|id| store.sequences(id).unwrap())
        .collect();
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|(at, sequence)| kept[*at].binary_search(sequence).is_err())
        .collect();
    println!(
        "{} frames were acknowledged over {KILLS} kills, {} are lost",
        acknowledged.len(),
        lost.len()
    );
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(acknowledged.len() >= ANSWERS * KILLS as usize);
}

#[test]
fn no_frame_is_acknowledged_before_its_transaction_is_through() {
    let boxes: Vec<MadeUp> = (0..BOXES).map(MadeUp::new).collect();
    let dir = data(&boxes);
    let mut hub = Running::start(dir.path(), &[]);
    let socket = hub.socket("127.0.0.1");
    // As long as somebody else holds the file's write lock, nothing can be committed.
    let held = rusqlite::Connection::open(dir.path().join("fleet.sqlite")).unwrap();
    held.execute_batch("BEGIN IMMEDIATE").unwrap();
    for made_up in &boxes {
        socket.send(&made_up.frame(1, |_| {})).unwrap();
    }
    let mut buffer = [0u8; 512];
    for _ in 0..3 {
        let answer = socket.recv(&mut buffer);
        assert!(answer.is_err(), "acknowledged before it was committed");
    }
    held.execute_batch("ROLLBACK").unwrap();
    let length = socket.recv(&mut buffer).unwrap();
    let ack = Ack::verify(&buffer[..length], &hub.key).unwrap();
    assert_eq!(ack.verdict, Verdict::Taken);
    hub.kill();
    let store = Store::open(dir.path()).unwrap();
    let at = boxes.iter().position(|made_up| made_up.id == ack.to);
    let id = i64::try_from(at.unwrap()).unwrap() + 1;
    assert_eq!(store.sequences(id).unwrap(), [1]);
}
