use super::*;
use crate::database::rebuild::record::Tried;
use proptest::prelude::*;

const MIB: u64 = 1 << 20;
const NIGHT: Quiet = Quiet {
    from_minute: 19 * 60,
    to_minute: 5 * 60,
};
const DISK: Room = Room {
    size_bytes: 240_000 * MIB,
    room_bytes: 100_000 * MIB,
};

fn table(name: &str, mib: u64, extents: u64) -> Table {
    Table {
        schema: "openmrs".into(),
        name: name.into(),
        bytes: mib * MIB,
        extents,
    }
}

/// Ten in the evening, all the room there is.
fn seen<'a>(tables: &'a [Table], record: &'a Record) -> Seen<'a> {
    Seen {
        tables,
        record,
        disk: Disk::Solid,
        room: Some(DISK),
        uptime_s: 100 * 24 * HOUR_S,
        local_minute: Some(22 * 60),
        quiet: NIGHT,
    }
}

#[test]
fn a_table_is_rebuilt_when_not_even_two_pages_lie_together() {
    // The measured one: 1.1 GB, 8,800 pieces after a day, 37,000 after eight.
    assert!(!table("obs", 1050, 8_800).is_scattered());
    assert!(table("obs", 1050, 37_000).is_scattered());
    // Small ones are read soon enough, whatever they lie in.
    assert!(!table("users", 10, 640).is_scattered());
    assert!(!table("empty", 0, 0).is_scattered());
}

#[test]
fn the_worst_one_first_and_another_while_that_rests() {
    let tables = [
        table("encounter", 300, 15_000),
        table("obs", 1050, 37_000),
        table("sound", 5000, 300),
    ];
    let mut record = Record::default();
    assert_eq!(next(&seen(&tables, &record)), Next::Rebuild(&tables[1]));
    let now_s = 100 * 24 * HOUR_S;
    record.put(&tables[1], now_s - AGAIN_S + 1, false);
    assert_eq!(next(&seen(&tables, &record)), Next::Rebuild(&tables[0]));
    record.put(&tables[0], now_s - TRY_AGAIN_S + 1, true);
    assert_eq!(next(&seen(&tables, &record)), Next::Nothing);
    record.put(&tables[0], now_s - TRY_AGAIN_S, true);
    assert_eq!(next(&seen(&tables, &record)), Next::Rebuild(&tables[0]));
    // The record of uptime was lost.
    record.put(&tables[1], now_s + 1, false);
    assert_eq!(next(&seen(&tables, &record)), Next::Rebuild(&tables[1]));
}

#[test]
fn never_where_room_or_time_is_lacking_but_a_smaller_one_may_fit() {
    let tables = [
        table("obs", 13_000, 500_000),
        table("encounter", 300, 15_000),
    ];
    let record = Record::default();
    let all = seen(&tables, &record);
    let late = Seen {
        local_minute: Some(4 * 60 + 30),
        ..all
    };
    assert_eq!(next(&late), Next::Rebuild(&tables[1]));
    let latest = Seen {
        local_minute: Some(4 * 60 + 59),
        ..all
    };
    assert_eq!(next(&latest), Next::TooLate(&tables[0]));
    let day = Seen {
        local_minute: Some(12 * 60),
        ..all
    };
    assert_eq!(next(&day), Next::NotNow);
    let nobody_knows = Seen {
        local_minute: None,
        ..all
    };
    assert_eq!(next(&nobody_knows), Next::NotNow);
    let filling = Seen {
        room: Some(Room {
            room_bytes: 20_000 * MIB,
            ..DISK
        }),
        ..all
    };
    assert_eq!(next(&filling), Next::Rebuild(&tables[1]));
    let full = Seen {
        room: Some(Room {
            room_bytes: 6_500 * MIB,
            ..DISK
        }),
        ..all
    };
    assert_eq!(next(&full), Next::NoRoom(&tables[0]));
    assert_eq!(next(&Seen { room: None, ..all }), Next::NoRoom(&tables[0]));
}

#[test]
fn the_quiet_time_ends_when_it_ends_also_over_midnight() {
    assert_eq!(seconds_left(NIGHT, 19 * 60), Some(10 * HOUR_S));
    assert_eq!(seconds_left(NIGHT, 0), Some(5 * HOUR_S));
    assert_eq!(seconds_left(NIGHT, 5 * 60 - 1), Some(60));
    assert_eq!(seconds_left(NIGHT, 5 * 60), None);
    let noon = Quiet {
        from_minute: 12 * 60,
        to_minute: 13 * 60,
    };
    assert_eq!(seconds_left(noon, 12 * 60 + 15), Some(45 * 60));
}

#[test]
fn the_daemon_asks_once_an_hour_of_the_night_and_stops_it_for_everything() {
    let when = When {
        hands_off: false,
        busy: false,
        quiet: Some(true),
        since_asked_s: None,
    };
    assert!(is_due(when) && !must_stop(when));
    for not in [
        When {
            hands_off: true,
            ..when
        },
        When { busy: true, ..when },
        When {
            quiet: Some(false),
            ..when
        },
        When {
            quiet: None,
            ..when
        },
        When {
            since_asked_s: Some(LOOK_S - 1),
            ..when
        },
    ] {
        assert!(!is_due(not), "{not:?}");
    }
    assert!(is_due(When {
        since_asked_s: Some(LOOK_S),
        ..when
    }));
    assert!(must_stop(When {
        hands_off: true,
        ..when
    }));
}

fn any_table() -> impl Strategy<Value = Table> {
    ("[a-d]", 0..20_000u64, 0..600_000u64)
        .prop_map(|(name, mib, extents)| table(&name, mib, extents))
}

proptest! {
    #[test]
    fn what_is_rebuilt_is_scattered_has_rested_and_has_room_and_time(
        tables in proptest::collection::vec(any_table(), 0..6),
        tried in proptest::collection::vec((0..6usize, 0..200 * 24 * HOUR_S, any::<bool>()), 0..6),
        room_mib in proptest::option::of(0..240_000u64),
        minute in proptest::option::of(0..1440u16),
        from in 0..1440u16, to in 0..1440u16,
        rotational in any::<bool>(),
    ) {
        let mut record = Record::default();
        for (index, uptime_s, gave_way) in tried {
            if let Some(table) = tables.get(index) {
                record.put(table, uptime_s, gave_way);
            }
        }
        let seen = Seen {
            disk: if rotational { Disk::Rotational } else { Disk::Solid },
            room: room_mib.map(|mib| Room { room_bytes: mib * MIB, ..DISK }),
            local_minute: minute,
            quiet: Quiet { from_minute: from, to_minute: to },
            ..self::seen(&tables, &record)
        };
        if let Next::Rebuild(table) = next(&seen) {
            prop_assert!(table.is_scattered());
            let minute = minute.unwrap();
            prop_assert!(seen.quiet.holds(minute));
            // It is over before the quiet time is.
            let end = (u64::from(minute) * 60 + table.needed_s(seen.disk)) / 60;
            prop_assert!(seen.quiet.holds(u16::try_from((end.max(1) - 1) % 1440).unwrap()));
            let room = seen.room.unwrap();
            let after = Room { room_bytes: room.room_bytes - table.needed_bytes(), ..room };
            prop_assert!(!after.is_tight());
            if let Some(Tried { uptime_s, gave_way }) = record.of(table) {
                let since_s = seen.uptime_s.checked_sub(uptime_s);
                let rest_s = if gave_way { TRY_AGAIN_S } else { AGAIN_S };
                prop_assert!(since_s.is_none_or(|since_s| since_s >= rest_s));
            }
        }
    }
}
