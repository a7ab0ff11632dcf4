//! SIGKILL under load.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use posto::health::ack::{Ack, Verdict};
use posto::hub::store::Store;

use crate::boxes::{MadeUp, to};
use crate::running::{Running, data};

const BOXES: u32 = 100;
const KILLS: u32 = 5;
/// Made for each of them: more than the hub has taken when it is killed, so that a transaction of new ones is always under way.
const FRAMES: u32 = 10_000;
/// The hub is killed after so many answers, while more frames are under way.
const ANSWERS: usize = 700;

#[test]
fn no_acknowledged_frame_is_lost_when_the_hub_is_killed_under_load() {
    let boxes: Vec<MadeUp> = (0..BOXES).map(MadeUp::new).collect();
    let dir = data(&boxes);
    let by_id: HashMap<_, _> = boxes
        .iter()
        .enumerate()
        .map(|(at, made_up)| (made_up.id, at))
        .collect();
    let mut acknowledged: Vec<Vec<u32>> = vec![Vec::new(); boxes.len()];
    let mut first = 1;
    for life in 0..KILLS as usize {
        let mut hub = Running::start(dir.path(), &[]);
        let socket = hub.socket("127.0.0.1");
        let ended = AtomicBool::new(false);
        let frames: Vec<(u32, Vec<u8>)> = (0..FRAMES)
            .map(|n| {
                let sequence = first + n / BOXES;
                (
                    sequence,
                    boxes[(n % BOXES) as usize].frame(sequence, |_| {}),
                )
            })
            .collect();
        first += FRAMES / BOXES;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                // Goes on into the killed hub's closed port.
                for (_, frame) in frames.iter().cycle() {
                    if ended.load(Ordering::Relaxed) {
                        break;
                    }
                    socket.send(frame).ok();
                }
            });
            let mut buffer = [0u8; 512];
            let mut heard = 0;
            let mut killed = false;
            loop {
                match socket.recv(&mut buffer) {
                    Ok(length) => {
                        let bytes = &buffer[..length];
                        let ack = Ack::verify(bytes, &hub.key).unwrap();
                        assert_eq!(ack.verdict, Verdict::Taken);
                        let at = by_id[&to(bytes)];
                        acknowledged[at].extend((1..first).filter(|sequence| ack.names(*sequence)));
                        heard += 1;
                        if heard == ANSWERS + 150 * life {
                            hub.kill();
                            killed = true;
                        }
                    }
                    // Answers that were on their way were read before.
                    Err(_) if killed => break,
                    Err(_) => {}
                }
            }
            ended.store(true, Ordering::Relaxed);
        });
    }
    let store = Store::open(dir.path()).unwrap();
    let mut count = 0;
    for (at, acknowledged) in acknowledged.iter_mut().enumerate() {
        acknowledged.sort_unstable();
        acknowledged.dedup();
        let kept = store.sequences(i64::try_from(at).unwrap() + 1).unwrap();
        for sequence in acknowledged.iter() {
            assert!(
                kept.binary_search(sequence).is_ok(),
                "box {at}: {sequence} was acknowledged and is lost"
            );
        }
        count += acknowledged.len();
    }
    println!("{count} frames were acknowledged over {KILLS} kills, none is lost");
    assert!(count >= ANSWERS);
}
