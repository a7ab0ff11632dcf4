//! A box's real post room and sender beside a real hub: pings without an answer of their own, and the one that speaks for them.

use std::time::Duration;

use posto::box_key::PublicKey;
use posto::facility::Hub;
use posto::health::ack::{Verdict, check};
use posto::health::datagram::{QUIET_LIMIT, Wish, written};
use posto::health::post::Post;
use posto::health::send::{Patience, carry};
use posto::health::spool::{Kind, Spool};

use crate::boxes::MadeUp;
use crate::running::{Running, data};

const MONTH: i64 = 24_322;

#[test]
fn a_day_of_quiet_pings_is_on_the_hub_s_disk_before_it_leaves_the_box() {
    let boxes = [MadeUp::new(1)];
    let directory = data(&boxes);
    let running = Running::start(directory.path(), &[]);
    let home = tempfile::tempdir().unwrap();
    let spool = Spool::open(&home.path().join("pings"), &home.path().join("number")).unwrap();
    let mut post = Post::new(spool, boxes[0].id);
    let hub = Hub {
        key: PublicKey::from(running.key),
        udp: Some(running.pings.parse().unwrap()),
        https: None,
        authority: None,
        every_minutes: 15,
        budget_mb: 5,
    };
    let mut answers_heard = 0;
    for quarter in 1..=96u64 {
        let now = Duration::from_secs(900 * quarter);
        post.put(Kind::Routine, |sequence| {
            Ok(boxes[0].frame(sequence, |_| {}))
        })
        .unwrap();
        let outbox = post.outbox(&hub, MONTH, now).unwrap().unwrap();
        let answers = carry(&outbox, Patience::default());
        answers_heard += answers.acks.len();
        post.take(&answers, &hub, MONTH, now, 7).unwrap();
        assert!(post.spool().waiting().unwrap().routine <= QUIET_LIMIT as u64);
    }
    // The first, and each sixth after it.
    assert_eq!(answers_heard, 1 + 95 / (QUIET_LIMIT + 1));
    let left = post.spool().waiting().unwrap().routine;
    assert_eq!(left, 95 % (QUIET_LIMIT as u64 + 1));
}

#[test]
fn the_hub_vouches_for_what_it_holds_and_not_for_other_words_under_the_same_numbers() {
    let boxes = [MadeUp::new(1)];
    let directory = data(&boxes);
    let running = Running::start(directory.path(), &[]);
    let socket = running.socket("127.0.0.1");
    let at_unix_s = u32::try_from(posto::system::clock::unix_seconds()).unwrap();
    let ping = |sequence, budget| {
        boxes[0].frame(sequence, |frame| {
            frame.budget_left_mb = Some(budget);
            frame.at_unix_s = at_unix_s;
        })
    };
    assert_eq!(running.verdict(&socket, &ping(1, 1)), Verdict::Taken);
    for sequence in [2, 3, 5] {
        socket
            .send(&written(&ping(sequence, 1), Wish::Quiet))
            .unwrap();
    }
    // What a copy of the disk says under a number that is held: not kept, not answered.
    socket.send(&written(&ping(3, 2), Wish::Quiet)).unwrap();
    // A late second answer to what was sent twice is passed over.
    let about = |sequence, first| loop {
        let packet = written(&ping(sequence, 1), Wish::Since(first));
        let (ack, _) = running.ask(&socket, &packet);
        if ack.names(sequence) {
            let named: Vec<u32> = (0..10).filter(|number| ack.names(*number)).collect();
            break (ack, named);
        }
    };
    let (ack, named) = about(6, 2);
    assert_eq!(named, [2, 3, 5, 6]);
    let (two, three, five) = (ping(2, 1), ping(3, 1), ping(5, 1));
    assert_eq!(ack.check, Some(check([&two[..], &three, &five])));
    assert_ne!(ack.check, Some(check([&two[..], &ping(3, 2), &five])));
    // However far back it is asked for, it speaks of a few.
    let (_, named) = about(7, 0);
    assert_eq!(named, [1, 2, 3, 5, 6, 7]);
}
