use super::*;
use crate::snapshot::proof::Verdict;
use crate::snapshot::shelf::tests::{manifest, proof_of};
use proptest::prelude::*;

const NIGHT: Quiet = Quiet {
    from_minute: 20 * 60,
    to_minute: 5 * 60,
};

fn snapshot(number: u64, uptime_s: u64) -> Snapshot {
    let mut manifest = manifest(number);
    manifest.moment.uptime_s = uptime_s;
    Snapshot {
        manifest,
        proofs: Vec::new(),
        directory: std::path::PathBuf::new(),
    }
}

fn proven(number: u64, uptime_s: u64, depth: Depth, verdict: Verdict) -> Snapshot {
    let mut proof = proof_of(number, verdict);
    proof.depth = depth;
    proof.moment.uptime_s = uptime_s;
    Snapshot {
        proofs: vec![proof],
        ..snapshot(number, uptime_s)
    }
}

/// A box up for a day, at noon.
fn seen(snapshots: &[Snapshot], uptime_s: u64) -> Seen<'_> {
    Seen {
        snapshots,
        hands_off: false,
        taking: false,
        proving: false,
        takes_failed: Failures::default(),
        proofs_failed: Failures::default(),
        disk: Disk::Solid,
        room: Room::Ample,
        uptime_s,
        since_boot_s: 24 * HOUR_S,
        boot: "b",
        local_minute: Some(12 * 60),
        every_s: HOUR_S,
        quiet: NIGHT,
    }
}

fn bad() -> Verdict {
    Verdict::Bad { reason: "x".into() }
}

#[test]
fn a_snapshot_is_due_an_hour_after_the_last_and_later_on_slow_or_filling_disks() {
    let shelf = [snapshot(1, 1000)];
    let takes = |seen: Seen<'_>| due(&seen).take;
    let after = |s| seen(&shelf, 1000 + s);
    assert!(!takes(after(HOUR_S - 1)) && takes(after(HOUR_S)));
    let slow = |s| Seen {
        disk: Disk::Rotational,
        room: Room::Tight,
        ..after(s)
    };
    assert!(!takes(slow(4 * HOUR_S - 1)) && takes(slow(4 * HOUR_S)));
    assert!(takes(seen(&[], 0)), "none yet");
    assert!(takes(seen(&shelf, 10)), "the record of uptime was lost");
    let rebooted = Seen {
        boot: "another",
        ..after(60)
    };
    assert!(takes(rebooted));
    let just_up = Seen {
        since_boot_s: AFTER_BOOT_S - 1,
        ..rebooted
    };
    assert!(!takes(just_up));
}

#[test]
fn what_was_imported_does_not_put_the_next_snapshot_off() {
    let mut imported = snapshot(2, 1_000_000);
    let id = imported.id();
    imported.manifest.reason = Reason::Imported {
        facility: "x".into(),
        id,
    };
    let shelf = [snapshot(1, 1000), imported];
    assert!(due(&seen(&shelf, 1000 + HOUR_S)).take);
    assert!(!due(&seen(&shelf, 1000 + HOUR_S - 1)).take);
}

#[test]
fn what_failed_is_tried_again_after_longer_and_longer() {
    let shelf = [snapshot(1, 0)];
    let mut failures = Failures::default();
    let mut waits = Vec::new();
    for _ in 0..8 {
        failures = failures.and_one(50_000);
        let wait_s = (0..).find(|s| {
            due(&Seen {
                takes_failed: failures,
                since_boot_s: 50_000 + s,
                ..seen(&shelf, 90_000)
            })
            .take
        });
        waits.push(wait_s.unwrap() / 60);
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 120, 120, 120]);
}

#[test]
fn each_new_snapshot_gets_a_quick_proof_and_a_night_a_full_one() {
    let id = Id::new(1).unwrap();
    let fresh = [snapshot(1, 1000)];
    assert_eq!(due(&seen(&fresh, 1100)).prove, Some((id, Depth::Quick)));
    let night = |shelf, uptime_s| Seen {
        local_minute: Some(23 * 60),
        ..seen(shelf, uptime_s)
    };
    assert_eq!(due(&night(&fresh, 1100)).prove, Some((id, Depth::Full)));
    let quick = [proven(1, 1000, Depth::Quick, Verdict::Good)];
    assert_eq!(due(&seen(&quick, 1100)).prove, None);
    assert_eq!(due(&night(&quick, 1100)).prove, Some((id, Depth::Full)));
    let full = [proven(1, 1000, Depth::Full, Verdict::Good)];
    assert_eq!(due(&night(&full, 1100)).prove, None);
}

#[test]
fn without_a_believable_night_a_full_proof_comes_after_thirty_hours_of_uptime() {
    let shelf = |uptime_s| {
        [
            proven(1, 1000, Depth::Full, Verdict::Good),
            proven(2, uptime_s, Depth::Quick, Verdict::Good),
        ]
    };
    let prove = |age_s, disk| {
        let shelf = shelf(1000 + age_s - 100);
        let seen = Seen {
            local_minute: None,
            disk,
            ..seen(&shelf, 1000 + age_s)
        };
        due(&seen).prove
    };
    let full = Some((Id::new(2).unwrap(), Depth::Full));
    assert_eq!(prove(30 * HOUR_S - 1, Disk::Solid), None);
    assert_eq!(prove(30 * HOUR_S, Disk::Solid), full);
    assert_eq!(prove(30 * HOUR_S, Disk::Rotational), None);
    assert_eq!(prove(7 * 24 * HOUR_S, Disk::Rotational), full);
}

#[test]
fn what_failed_its_proof_is_left_as_it_is_and_is_a_worry_until_a_later_one_is_good() {
    let mut shelf = vec![proven(1, 1000, Depth::Quick, bad())];
    let night = Seen {
        local_minute: Some(60),
        ..seen(&shelf, 1100)
    };
    assert_eq!(due(&night).prove, None);
    assert_eq!(worries(&night).bad, Some(Id::new(1).unwrap()));
    shelf.push(snapshot(2, 1050));
    assert!(worries(&seen(&shelf, 1100)).bad.is_some());
    assert!(due(&seen(&shelf, 1100)).prove.is_some());
    shelf[1] = proven(2, 1050, Depth::Quick, Verdict::Good);
    assert_eq!(worries(&seen(&shelf, 1100)), Worries::default());
}

#[test]
fn six_hours_without_a_snapshot_and_a_day_without_a_good_proof_are_worries() {
    let shelf = [proven(1, 1000, Depth::Quick, Verdict::Good)];
    let after = |h| worries(&seen(&shelf, 1000 + h * HOUR_S));
    assert_eq!(after(5), Worries::default());
    assert_eq!(after(6).none_for_h, Some(6));
    assert_eq!(
        (after(23).unproven_for_h, after(24).unproven_for_h),
        (None, Some(24))
    );
    let never = [snapshot(1, 1000)];
    assert_eq!(
        worries(&seen(&never, 1000 + 24 * HOUR_S)).unproven_for_h,
        Some(24)
    );
    assert_eq!(worries(&seen(&[], 24 * HOUR_S)).none_for_h, Some(24));
    // A new box in a container whose host has been up for a day.
    assert_eq!(worries(&seen(&[], 9)), Worries::default());
    let young = Seen {
        since_boot_s: HOUR_S,
        ..seen(&[], 9_000_000)
    };
    assert_eq!(worries(&young), Worries::default());
}

#[test]
fn a_quiet_time_may_go_over_midnight() {
    assert!(NIGHT.holds(20 * 60) && NIGHT.holds(0) && NIGHT.holds(5 * 60 - 1));
    assert!(!NIGHT.holds(5 * 60) && !NIGHT.holds(20 * 60 - 1));
    let noon = Quiet {
        from_minute: 12 * 60,
        to_minute: 13 * 60,
    };
    assert!(noon.holds(12 * 60) && !noon.holds(13 * 60) && !noon.holds(0));
}

proptest! {
    #[test]
    fn nothing_is_begun_while_hands_are_off_or_a_snapshot_is_taken(
        uptime_s in any::<u64>(), since_boot_s in any::<u64>(), then_s in any::<u64>(),
        hands_off in any::<bool>(), minute in proptest::option::of(0u16..1440),
    ) {
        let shelf = [snapshot(1, then_s)];
        let seen = Seen {
            hands_off,
            taking: !hands_off,
            since_boot_s,
            local_minute: minute,
            boot: "another",
            ..seen(&shelf, uptime_s)
        };
        prop_assert_eq!(due(&seen), Due::default());
        let _ = worries(&seen);
    }

    /// Otherwise a night would be one snapshot after the other, or none.
    #[test]
    fn after_a_snapshot_and_its_proof_nothing_is_due_at_once(uptime_s in 0u64..1_000_000_000, minute in proptest::option::of(0u16..1440), rotational in any::<bool>()) {
        let shelf = [proven(1, uptime_s, Depth::Full, Verdict::Good)];
        let seen = Seen {
            local_minute: minute,
            disk: if rotational { Disk::Rotational } else { Disk::Solid },
            ..seen(&shelf, uptime_s + 1)
        };
        prop_assert_eq!(due(&seen), Due::default());
        prop_assert_eq!(worries(&seen), Worries::default());
    }
}
