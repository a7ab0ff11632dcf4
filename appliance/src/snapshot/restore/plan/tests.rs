//! What is refused, what is said, what is allowed.

use super::*;
use proptest::prelude::*;

const BUILT_S: u64 = 1_790_000_000;

fn moment(effective_s: u64) -> Moment {
    Moment {
        unix_s: effective_s,
        clock_plausible: true,
        effective_s,
        uptime_s: 0,
        boot: String::new(),
    }
}

fn schema(changesets: u64) -> Schema {
    Schema {
        changesets,
        newest: format!("set-{changesets}"),
    }
}

fn proof(verdict: Verdict) -> Proof {
    Proof {
        id: Id::new(7).unwrap(),
        depth: Depth::Full,
        verdict,
        moment: moment(BUILT_S + 200),
        took_ms: 1,
        tables: 100,
        rows: BTreeMap::new(),
        highest: BTreeMap::new(),
        binlog: None,
        fell: Vec::new(),
    }
}

/// A proven snapshot of the running release, a working database with ten newer observations.
fn good() -> Observation {
    let newer = |table: &str, new, changed| Newer {
        table: table.into(),
        new,
        changed,
    };
    Observation {
        manifest: Manifest {
            format: 1,
            id: Id::new(7).unwrap(),
            moment: moment(BUILT_S + 100),
            reason: Reason::Scheduled,
            method: Method::HotClone,
            facility: "cs".into(),
            release: "2026.11-1".into(),
            release_built: BUILT_S,
            mariadb: "11.8.6-MariaDB-0+deb13u1".into(),
            schema: Some(schema(900)),
            cut: None,
            highest: BTreeMap::new(),
            held_us: 0,
            apparent_bytes: 0,
            left_out: crate::snapshot::left_out::LeftOut::default(),
        },
        proof: Some(proof(Verdict::Good)),
        missing: None,
        release: "2026.11-1".into(),
        release_built: BUILT_S,
        mariadb: Some("11.8.9-MariaDB-0+deb13u2".into()),
        present: Some(Present {
            schema: Some(schema(900)),
            highest: BTreeMap::new(),
            newer: Some(vec![
                newer("obs", 10, Some(0)),
                newer("person", 0, Some(0)),
                newer("visit", 0, None),
            ]),
        }),
        now: moment(BUILT_S + 3700),
        free_bytes: Some(10 << 30),
        expected_start: Duration::from_secs(50),
        earlier_work: Some(Duration::from_secs(7)),
    }
}

fn any_of(seen: &Observation) -> Result<RestorePlan, Refusal> {
    plan(seen, Wanted::default())
}

#[test]
fn the_plan_says_age_newer_rows_and_how_long_the_door_is_shut() {
    let plan = any_of(&good()).unwrap();
    assert_eq!((plan.age_s, plan.shut_s, plan.migrates), (3600, 57, false));
    let named: Vec<_> = plan
        .newer
        .unwrap()
        .into_iter()
        .map(|newer| newer.table)
        .collect();
    // What could not be counted is named; what has nothing newer is not.
    assert_eq!(named, ["obs", "visit"]);
    let first = Observation {
        earlier_work: None,
        ..good()
    };
    assert_eq!(any_of(&first).unwrap().shut_s, 90);
}

#[test]
fn a_damaged_snapshot_is_refused_even_when_an_unproven_one_is_accepted() {
    let wanted = Wanted {
        accept_unproven: true,
        ..Wanted::default()
    };
    let bad = Verdict::Bad {
        reason: "obs does not open".into(),
    };
    let seen = Observation {
        proof: Some(proof(bad)),
        ..good()
    };
    assert!(
        matches!(plan(&seen, wanted), Err(Refusal::Damaged { reason, .. }) if reason.contains("obs"))
    );
    let seen = Observation {
        missing: Some("database/ibdata1".into()),
        ..good()
    };
    assert!(matches!(plan(&seen, wanted), Err(Refusal::Damaged { .. })));
}

#[test]
fn an_unproven_snapshot_needs_a_persons_word_and_a_cleanly_stopped_one_does_not() {
    let mut seen = Observation {
        proof: None,
        ..good()
    };
    assert!(matches!(any_of(&seen), Err(Refusal::Unproven { .. })));
    let accepted = Wanted {
        accept_unproven: true,
        ..Wanted::default()
    };
    assert_eq!(plan(&seen, accepted).unwrap().standing, Standing::Unproven);
    seen.manifest.reason = Reason::BeforeRestore {
        restored: Id::new(3).unwrap(),
    };
    // The database had died when it was kept.
    seen.manifest.method = Method::Freeze;
    assert!(matches!(any_of(&seen), Err(Refusal::Unproven { .. })));
    seen.manifest.method = Method::Stopped;
    assert_eq!(any_of(&seen).unwrap().standing, Standing::Stopped);
    // A file from a stick may say of itself what it likes.
    seen.manifest.reason = Reason::Imported {
        facility: "other".into(),
        id: Id::new(3).unwrap(),
    };
    assert!(matches!(any_of(&seen), Err(Refusal::Unproven { .. })));
}

#[test]
fn a_later_releases_schema_is_refused_and_an_older_ones_is_migrated() {
    let mut later = good();
    later.manifest.release = "2027.1-1".into();
    later.manifest.release_built = BUILT_S + 1;
    later.manifest.schema = Some(schema(950));
    assert!(matches!(any_of(&later), Err(Refusal::NewerRelease { .. })));
    later.manifest.schema = None;
    assert!(matches!(any_of(&later), Err(Refusal::NewerRelease { .. })));
    // After an update that was taken back: the same schema.
    later.manifest.schema = Some(schema(900));
    assert!(!any_of(&later).unwrap().migrates);
    // OpenMRS's files alone have no schema.
    later.manifest.schema = Some(schema(950));
    let files = Wanted {
        only: Some(Part::Openmrs),
        ..Wanted::default()
    };
    assert!(!plan(&later, files).unwrap().migrates);
    let mut older = good();
    older.manifest.release = "2025.1-1".into();
    older.manifest.release_built = BUILT_S - 1;
    older.manifest.schema = Some(schema(800));
    assert!(any_of(&older).unwrap().migrates);
}

#[test]
fn another_release_line_of_the_database_server_is_refused() {
    let mut other = good();
    other.manifest.mariadb = "10.11.19-MariaDB-0+deb12u1".into();
    assert!(matches!(any_of(&other), Err(Refusal::OtherMariadb { .. })));
    assert_eq!(series("11.8.6-MariaDB"), "11.8");
    assert_eq!(series("11"), "11");
}

#[test]
fn a_database_that_does_not_answer_hinders_no_restore() {
    let seen = Observation {
        present: None,
        ..good()
    };
    let plan = any_of(&seen).unwrap();
    assert!(!plan.database_answers && plan.newer.is_none());
}

#[test]
fn a_full_disk_is_refused_before_anything_is_cloned() {
    let seen = Observation {
        free_bytes: Some(ROOM_BYTES - 1),
        ..good()
    };
    assert!(matches!(
        any_of(&seen),
        Err(Refusal::NoRoom { free_mb: 268 })
    ));
}

proptest! {
    /// Whatever was seen, an unproven one never comes through without a person's word, a damaged one never.
    #[test]
    fn no_observation_lets_a_bad_snapshot_through(
        verdict in proptest::option::of(any::<bool>()), stopped in any::<bool>(), before_restore in any::<bool>(),
        built in any::<u64>(), accept_unproven in any::<bool>(), only in proptest::option::of(any::<bool>()),
        effective_s in any::<u64>(), version in "\\PC{0,20}",
    ) {
        let mut seen = good();
        seen.proof = verdict.map(|good| proof(if good { Verdict::Good } else { Verdict::Bad { reason: "x".into() } }));
        seen.manifest.method = if stopped { Method::Stopped } else { Method::HotClone };
        if before_restore {
            seen.manifest.reason = Reason::BeforeRestore { restored: Id::new(1).unwrap() };
        }
        seen.manifest.release_built = built;
        seen.manifest.moment.effective_s = effective_s;
        seen.manifest.mariadb = version;
        let wanted = Wanted {
            accept_unproven,
            only: only.map(|database| if database { Part::Database } else { Part::Openmrs }),
        };
        if plan(&seen, wanted).is_ok() {
            prop_assert!(verdict != Some(false));
            prop_assert!(verdict == Some(true) || accept_unproven || (stopped && before_restore));
        }
    }
}
