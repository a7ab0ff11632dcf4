//! Rubbish, forgeries and recordings beside honest boxes. `POSTO_HUB_NOISE=1000000` for the long form.

use std::sync::atomic::{AtomicBool, Ordering};

use posto::health::ack::Verdict;
use posto::health::frame::Clock;

use crate::boxes::MadeUp;
use crate::running::{Running, data, posto};
use crate::web::{get, metric};

/// Grows by what the allocator holds, not with what was sent.
const GROWTH_KB: u64 = 6 * 1024;

/// Small and quick; how good it is does not matter.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.next() % 600;
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }
}

#[test]
fn hostile_frames_are_counted_and_dropped_and_honest_boxes_do_not_feel_it() {
    let noise: u64 = std::env::var("POSTO_HUB_NOISE").map_or(30_000, |text| text.parse().unwrap());
    let boxes: Vec<MadeUp> = (0..20).map(MadeUp::new).collect();
    let dir = data(&boxes);
    let token = posto(dir.path(), &["token", "add", "prometheus"], "");
    let hub = Running::start(dir.path(), &[]);
    let honest = hub.socket("127.0.0.1");
    let hostile = hub.socket("127.0.0.2");
    // Never forges, so it is never shut out: all of its noise is read.
    let noisy = hub.socket("127.0.0.3");
    // Everything once, so that all buffers are there.
    for made_up in &boxes {
        hub.ask(&honest, &made_up.frame(1, |_| {}));
    }
    for _ in 0..200 {
        hostile.send(&[0; 600]).unwrap();
    }
    let before_kb = hub.memory_kb();

    let ended = AtomicBool::new(false);
    let (mut asked, mut times) = (0u32, 0u32);
    std::thread::scope(|scope| {
        let ended = &ended;
        let sender = scope.spawn({
            let (hostile, noisy, boxes) = (&hostile, &noisy, &boxes);
            move || {
                let mut random = Random(88_172_645_463_325_252);
                let recording = boxes[0].frame(1, |_| {});
                let stranger = MadeUp::new(999_999).frame(1, |_| {});
                for n in 0..noise {
                    let message = match n % 10 {
                        0 => {
                            let mut forged = recording.clone();
                            let at = (random.next() as usize) % forged.len();
                            forged[at] ^= 1 << (n % 8);
                            forged
                        }
                        1 => recording[..(random.next() as usize) % recording.len()].to_vec(),
                        2 => recording.clone(),
                        3 => stranger.clone(),
                        4 => vec![0xd2; 20_000],
                        _ => random.bytes(),
                    };
                    // Its own answers are not read: they fill its buffer, which is its own affair.
                    let from = if matches!(n % 10, 0 | 2 | 3) {
                        hostile
                    } else {
                        noisy
                    };
                    from.send(&message).ok();
                }
                ended.store(true, Ordering::Relaxed);
            }
        });
        let mut sequence = 2;
        while !ended.load(Ordering::Relaxed) || sequence < 10 {
            for made_up in &boxes {
                let (ack, sent) = hub.ask(&honest, &made_up.frame(sequence, |_| {}));
                assert!(ack.verdict == Verdict::Taken && ack.to == made_up.id);
                asked += 1;
                times += sent;
            }
            sequence += 1;
        }
        sender.join().unwrap();
    });
    let after_kb = hub.memory_kb();
    let figures = get(&hub, "/metrics", &token);
    let of = |fate: &str| {
        metric(
            &figures,
            &format!("posto_hub_messages_total{{fate=\"{fate}\"}}"),
        )
    };
    println!(
        "{noise} hostile datagrams; honest: {asked} frames, {times} sendings; memory {before_kb} -> {after_kb} kB; malformed {}, forged {}, \
         limited {}, duplicate {}, unknown {}",
        of("malformed"),
        of("forged"),
        of("limited"),
        of("duplicate"),
        of("unknown_box")
    );
    assert!(
        after_kb < before_kb + GROWTH_KB,
        "{before_kb} kB grew to {after_kb} kB"
    );
    // A datagram may be lost in a full buffer; none in ten was.
    assert!(
        times < asked + asked / 10 + 3,
        "{asked} frames needed {times} sendings"
    );
    assert_eq!(of("kept"), f64::from(asked + 20));
    assert!(of("malformed") > 0.0 && of("forged") > 0.0 && of("limited") > 0.0);
}

#[test]
fn ancient_and_future_frames_are_kept_once_by_the_hub_s_own_clock_and_recordings_change_nothing() {
    let boxes = [MadeUp::new(0)];
    let dir = data(&boxes);
    let token = posto(dir.path(), &["token", "add", "prometheus"], "");
    let hub = Running::start(dir.path(), &[]);
    let socket = hub.socket("127.0.0.1");
    let ancient = boxes[0].frame(1, |frame| {
        frame.at_unix_s = 5;
        frame.state.clock = Clock::Wrong;
    });
    let future = boxes[0].frame(2, |frame| frame.at_unix_s = u32::MAX);
    for message in [&ancient, &future, &ancient] {
        assert_eq!(hub.verdict(&socket, message), Verdict::Taken);
    }
    let other = boxes[0].frame(2, |frame| frame.alarm = Some(1));
    assert_eq!(hub.verdict(&socket, &other), Verdict::OtherWords);
    let figures = get(&hub, "/metrics", &token);
    assert_eq!(metric(&figures, "posto_hub_frames_off_time_total"), 2.0);
    assert_eq!(
        metric(&figures, "posto_hub_messages_total{fate=\"kept\"}"),
        2.0
    );
    assert_eq!(
        metric(&figures, "posto_hub_messages_total{fate=\"duplicate\"}"),
        1.0
    );
    assert_eq!(
        metric(&figures, "posto_site_alarm_number{site=\"cs-0\"}"),
        0.0
    );
}
