mod quiet;
mod receiver;
mod tls;

use self::receiver::{Receiver, signed};
use super::*;
use crate::box_key::PublicKey;
use crate::facility::Hub;
use crate::health::cose::KeyId;
use crate::health::frame::{Frame, Unverified};
use crate::health::post::Post;
use crate::health::spool::{Kind, Spool};
use ed25519_dalek::{Signer, SigningKey};
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex};

const QUICK: Patience = Patience {
    udp: [Duration::from_millis(300); 3],
    https: Duration::from_secs(5),
    whole_udp: Duration::from_secs(60),
};
/// For a receiver that checks signatures on a busy machine.
const PATIENT: Patience = Patience {
    udp: [Duration::from_secs(4); 3],
    https: Duration::from_secs(120),
    whole_udp: Duration::from_secs(600),
};
const MONTH: i64 = 24_322;
const ME: KeyId = *b"this-box";

fn box_key() -> SigningKey {
    SigningKey::from_bytes(&[1; 32])
}

fn hub_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn hub(udp: Option<SocketAddr>, https: Option<String>) -> Hub {
    Hub {
        key: PublicKey::from(hub_key().verifying_key()),
        udp,
        https,
        authority: None,
        every_minutes: 15,
        budget_mb: 5,
    }
}

fn post() -> (tempfile::TempDir, Post) {
    // Thousands of flushes: in memory where that is possible.
    let memory = std::path::Path::new("/dev/shm");
    let dir = if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    };
    let dir = dir.unwrap();
    let spool = Spool::open(&dir.path().join("pings"), &dir.path().join("number")).unwrap();
    (dir, Post::new(spool, ME))
}

/// A ping as a working box makes it.
fn put(post: &mut Post, at_s: u64, alarm: Option<u8>) -> u32 {
    let kind = if alarm.is_some() {
        Kind::Alarm
    } else {
        Kind::Routine
    };
    post.put(kind, |sequence| {
        let frame = Frame {
            sequence,
            boot: Some(212),
            at_unix_s: 1_795_000_000 + u32::try_from(at_s).unwrap(),
            state: crate::health::frame::State::of(0x1a_a6a5),
            release_built_s: Some(1_793_000_000),
            openmrs_since_min: Some(4321),
            last_start_s: Some(47),
            encounter_age_min: Some(12),
            encounters_today: Some(140),
            snapshot_age_min: Some(33),
            copy_age_h: Some(19),
            journal_days_behind: Some(0),
            budget_left_mb: Some(4),
            disk_used_percent: Some(37),
            disk_free_gb: Some(150),
            inodes_used_percent: Some(2),
            wear_percent: Some(4),
            memory_pressure_percent: Some(0),
            temperature_c: Some(54),
            unclean_boots: Some(61),
            alarm,
        };
        let signed = frame.seal(ME, |bytes| box_key().sign(bytes).to_bytes());
        Ok(signed.unwrap().to_vec())
    })
    .unwrap()
}

/// One outbox there and back; `None`: it was not time for one.
fn exchange(post: &mut Post, hub: &Hub, now: Duration) -> Option<Answers> {
    exchange_within(PATIENT, post, hub, now)
}

fn exchange_within(
    patience: Patience,
    post: &mut Post,
    hub: &Hub,
    now: Duration,
) -> Option<Answers> {
    let outbox = post.outbox(hub, MONTH, now).unwrap()?;
    let answers = carry(&outbox, patience);
    post.take(&answers, hub, MONTH, now, 7).unwrap();
    Some(answers)
}

#[test]
fn after_30_days_offline_two_minutes_of_link_bring_everything_alarms_first_in_order_once() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let hub = hub(Some(receiver.udp(|_| false)), None);
    let (mut alarms, mut routine) = (Vec::new(), Vec::new());
    let mut now = Duration::ZERO;
    for quarter in 0..30 * 96u64 {
        now = Duration::from_secs(quarter * 900);
        if quarter % 288 == 100 {
            alarms.push(put(&mut post, now.as_secs(), Some(7)));
        }
        routine.push(put(&mut post, now.as_secs(), None));
        // Nobody is there: the sender comes back with nothing.
        if let Some(outbox) = post.outbox(&hub, MONTH, now).unwrap() {
            let answers = Answers {
                number: outbox.number,
                ..Answers::default()
            };
            post.take(&answers, &hub, MONTH, now, quarter).unwrap();
        }
    }
    assert_eq!((alarms.len(), routine.len()), (10, 2880));
    // The link is there: the daemon looks every 5 s, two minutes long.
    let begun = std::time::Instant::now();
    let (mut rounds, mut bytes) = (0, 0);
    for round in 0..24u64 {
        let at = now + Duration::from_secs(600 + 5 * round);
        if let Some(answers) = exchange(&mut post, &hub, at) {
            rounds += 1;
            bytes += answers.spent.bytes();
        }
    }
    let expected: Vec<u32> = alarms.into_iter().chain(routine).collect();
    assert!(
        receiver.numbers() == expected,
        "{} came",
        receiver.numbers().len()
    );
    assert_eq!(receiver.received.lock().unwrap().again, 0);
    assert_eq!(post.spool().waiting().unwrap(), Default::default());
    eprintln!(
        "2,890 pings in {rounds} outboxes, {bytes} bytes on the wire by UDP, {:?} of this machine's time",
        begun.elapsed()
    );
}

#[test]
fn lost_packets_and_lost_answers_cost_another_packet_and_nothing_comes_twice_into_the_books() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let hub = hub(Some(receiver.udp(|count| count % 5 == 3)), None);
    let sent: Vec<u32> = (0..20).map(|at| put(&mut post, at, None)).collect();
    exchange(&mut post, &hub, Duration::from_secs(1)).unwrap();
    let numbers: BTreeSet<u32> = receiver.numbers().into_iter().collect();
    assert_eq!(numbers, sent.into_iter().collect());
    assert!(
        receiver.received.lock().unwrap().again > 0,
        "an answer was lost"
    );
    assert_eq!(post.spool().waiting().unwrap(), Default::default());
}

#[test]
fn what_somebody_else_answers_removes_nothing() {
    let (_dir, mut post) = post();
    put(&mut post, 0, None);
    let liar = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hub = hub(Some(liar.local_addr().unwrap()), None);
    let thief = std::thread::spawn(move || {
        let mut packet = [0; 512];
        let (_, from) = liar.recv_from(&mut packet).unwrap();
        let key = SigningKey::from_bytes(&[66; 32]);
        let forged = Ack::new(ME, Verdict::Taken, &[1])
            .seal(|bytes| key.sign(bytes).to_bytes())
            .unwrap();
        for lie in [&forged[..], &[0; 100], &[0xff; 500], b""] {
            liar.send_to(lie, from).unwrap();
        }
    });
    let answers = exchange_within(QUICK, &mut post, &hub, Duration::from_secs(1)).unwrap();
    thief.join().unwrap();
    assert_eq!(answers.acks, []);
    assert_eq!(post.spool().waiting().unwrap().routine, 1);
    // Nor does a sender that was taken over and says so itself.
    let outbox = post
        .outbox(&hub, MONTH, Duration::from_secs(2000))
        .unwrap()
        .unwrap();
    let key = SigningKey::from_bytes(&[66; 32]);
    let forged = Ack::new(ME, Verdict::Taken, &[1])
        .seal(|bytes| key.sign(bytes).to_bytes())
        .unwrap();
    let answers = Answers {
        number: outbox.number,
        acks: vec![Bytes(forged.to_vec())],
        ..Answers::default()
    };
    post.take(&answers, &hub, MONTH, Duration::from_secs(2001), 0)
        .unwrap();
    assert_eq!(post.spool().waiting().unwrap().routine, 1);
}

#[test]
fn where_udp_is_not_answered_one_post_brings_all() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let (address, posts) = receiver.http();
    // A port where nobody listens.
    let dead = UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let hub = hub(Some(dead), Some(address));
    let sent: Vec<u32> = (0..10).map(|at| put(&mut post, at, None)).collect();
    let answers = exchange(&mut post, &hub, Duration::from_secs(1)).unwrap();
    assert_eq!(receiver.numbers(), sent);
    assert_eq!(*posts.lock().unwrap(), 1);
    assert_eq!(post.spool().waiting().unwrap(), Default::default());
    assert!(answers.spent.https_bytes > 0 && answers.spent.udp_bytes > 0);
}

#[test]
fn many_go_in_one_post_at_once() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let (address, posts) = receiver.http();
    let hub = hub(Some(receiver.udp(|_| false)), Some(address));
    for at in 0..200 {
        put(&mut post, at, None);
    }
    let answers = exchange(&mut post, &hub, Duration::from_secs(1)).unwrap();
    assert_eq!((*posts.lock().unwrap(), receiver.numbers().len()), (1, 200));
    assert_eq!(answers.spent.udp_bytes, 0);
}

#[test]
fn a_hub_that_keeps_nothing_yet_is_asked_with_one_packet_after_1_2_4_and_more_minutes_and_nothing_is_lost()
 {
    let (_dir, mut post) = post();
    for at in 0..10 {
        put(&mut post, at, None);
    }
    let receiver = Receiver::default();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let hub = hub(Some(socket.local_addr().unwrap()), None);
    let packets = Arc::new(Mutex::new(0));
    let (answering, counted) = (receiver.clone(), Arc::clone(&packets));
    std::thread::spawn(move || {
        let mut packet = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut packet) {
            *counted.lock().unwrap() += 1;
            let number = Unverified::parse(&packet[..length])
                .unwrap()
                .verify(&box_key().verifying_key())
                .unwrap()
                .sequence;
            let _ = socket.send_to(&answering.ack(Verdict::Waiting, &[number]), from);
        }
    });
    for minute in 0..180 {
        exchange(&mut post, &hub, Duration::from_secs(60 * minute));
    }
    // In minutes 0, 1, 3, 7, 15, 31, 63 and 123.
    assert_eq!(*packets.lock().unwrap(), 8);
    assert_eq!(post.spool().waiting().unwrap().routine, 10);
}

#[test]
fn an_alarm_goes_also_without_a_budget() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let mut hub = hub(Some(receiver.udp(|_| false)), None);
    put(&mut post, 0, None);
    let answers = exchange(&mut post, &hub, Duration::from_secs(1)).unwrap();
    let ping = answers.spent.bytes();
    eprintln!("one ping with its answer by UDP: {ping} bytes on the wire");
    hub.budget_mb = 1;
    post.spool().spend(MONTH, 2_000_000).unwrap();
    put(&mut post, 1, None);
    assert!(exchange(&mut post, &hub, Duration::from_secs(2)).is_none());
    put(&mut post, 2, Some(7));
    exchange(&mut post, &hub, Duration::from_secs(3)).unwrap();
    assert_eq!(receiver.numbers(), [1, 3]);
}
