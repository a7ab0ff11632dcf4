//! Pings that go without an answer of their own.

use super::*;
use crate::health::datagram::QUIET_LIMIT;

const QUARTER: Duration = Duration::from_secs(900);

/// The next quarter of an hour: a ping is made and sent.
fn quarter(post: &mut Post, hub: &Hub, now: &mut Duration) -> Answers {
    *now += QUARTER;
    put(post, now.as_secs(), None);
    exchange_within(QUICK, post, hub, *now).unwrap()
}

#[test]
fn a_month_of_pings_by_udp_is_within_its_megabytes_and_none_leaves_the_spool_unanswered() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let hub = hub(Some(receiver.udp(|_| false)), None);
    let mut now = Duration::ZERO;
    let mut most = 0;
    for _ in 0..30 * 96 {
        quarter(&mut post, &hub, &mut now);
        let waiting = post.spool().waiting().unwrap();
        most = most.max(waiting.routine);
        assert_eq!(post.told(&hub, MONTH).unwrap().routine, 0);
    }
    let sent: Vec<u32> = (1..=30 * 96).collect();
    assert!(receiver.wait_for(sent.len()) == sent);
    assert_eq!(receiver.received.lock().unwrap().again, 0);
    assert_eq!(most, QUIET_LIMIT as u64);
    let month_mb = post.spool().spent(MONTH).unwrap() as f64 / 1e6;
    eprintln!("a month of routine pings by UDP: {month_mb:.3} MB on the wire");
    assert!(month_mb <= 0.6);
}

#[test]
fn a_quiet_ping_that_was_lost_is_sent_again_with_the_next_answer() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    // Packet 2, the second quiet one; its answer would be none.
    let hub = hub(Some(receiver.udp(|count| count == 2 * 2)), None);
    let mut now = Duration::ZERO;
    for _ in 0..=QUIET_LIMIT + 1 {
        quarter(&mut post, &hub, &mut now);
    }
    assert_eq!(receiver.numbers(), [1, 2, 4, 5, 6, 7]);
    assert_eq!(post.spool().waiting().unwrap().routine, 1);
    // With an answer of its own; then quietly as before.
    let again = exchange(&mut post, &hub, now + Duration::from_secs(5)).unwrap();
    assert_eq!(again.acks.len(), 1);
    assert_eq!(receiver.numbers(), [1, 2, 4, 5, 6, 7, 3]);
    let mut answers = 0;
    for _ in 0..=QUIET_LIMIT {
        answers += quarter(&mut post, &hub, &mut now).acks.len();
    }
    assert_eq!(answers, 1);
    assert_eq!(post.spool().waiting().unwrap().routine, 0);
    assert_eq!(receiver.received.lock().unwrap().again, 0);
}

#[test]
fn an_alarm_is_answered_at_once_and_its_answer_speaks_for_those_before_it() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let hub = hub(Some(receiver.udp(|_| false)), None);
    let mut now = Duration::ZERO;
    for _ in 0..3 {
        quarter(&mut post, &hub, &mut now);
    }
    assert_eq!(post.spool().waiting().unwrap().routine, 2);
    now += QUARTER;
    put(&mut post, now.as_secs(), Some(7));
    let answers = exchange(&mut post, &hub, now).unwrap();
    assert_eq!(answers.acks.len(), 1);
    assert_eq!(post.spool().waiting().unwrap(), Default::default());
}

#[test]
fn when_nobody_answers_any_more_everything_waits_for_an_answer_of_its_own() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let gone = QUIET_LIMIT + 1;
    // From the first wanted answer after the first on: nothing comes through, four times.
    let hub = hub(
        Some(receiver.udp(move |count| (2..=2 * gone + 7).contains(&count))),
        None,
    );
    let mut now = Duration::ZERO;
    for _ in 0..=gone {
        quarter(&mut post, &hub, &mut now);
    }
    assert_eq!(receiver.numbers(), [1]);
    assert_eq!(post.spool().waiting().unwrap().routine as usize, gone);
    for _ in 0..3 {
        quarter(&mut post, &hub, &mut now);
    }
    let all = gone as u32 + 4;
    let numbers: BTreeSet<u32> = receiver.wait_for(gone + 4).into_iter().collect();
    assert_eq!(numbers, (1..=all).collect());
}

#[test]
fn where_udp_does_not_pass_no_ping_goes_quietly() {
    let (_dir, mut post) = post();
    let receiver = Receiver::default();
    let (address, posts) = receiver.http();
    let hub = hub(Some(receiver.udp(|_| true)), Some(address));
    let mut now = Duration::ZERO;
    for quarter_hours in 1..=3 {
        quarter(&mut post, &hub, &mut now);
        assert_eq!(*posts.lock().unwrap(), quarter_hours);
        assert_eq!(post.spool().waiting().unwrap().routine, 0);
    }
}

#[test]
fn an_answer_that_does_not_vouch_for_the_words_of_the_quiet_ones_removes_its_own_alone() {
    for check in [None, Some(7)] {
        let (_dir, mut post) = post();
        let mut now = QUARTER;
        let receiver = Receiver::default();
        let hub = hub(Some(receiver.udp(|_| false)), None);
        for _ in 0..QUIET_LIMIT {
            quarter(&mut post, &hub, &mut now);
        }
        now += QUARTER;
        put(&mut post, now.as_secs(), Some(7));
        let outbox = post.outbox(&hub, MONTH, now).unwrap().unwrap();
        let ack = Ack::new(ME, Verdict::Taken, &[2, 3, 4, 5, 6]).vouching(check);
        let answers = Answers {
            number: outbox.number,
            acks: vec![Bytes(signed(&ack))],
            ..Answers::default()
        };
        let heard = post.take(&answers, &hub, MONTH, now, 7).unwrap();
        assert_eq!(heard.removed, 1);
        assert_eq!(post.spool().waiting().unwrap().routine, 4);
    }
}
