//! Which snapshots stay: grandfather, father, son. Pure; order is the number's, age is `effective_s`'s and uptime's, what time
//! it is now is never asked.

use std::collections::BTreeMap;

use super::id::Id;
use super::manifest::Reason;
use super::proof;
use super::shelf::Snapshot;

/// What somebody or something wanted by name (by hand, before a restore or an update, from elsewhere) and what failed its proof
/// stay this long, seconds of uptime.
pub const FIRST_DAYS_S: u64 = 7 * DAY_S;
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;
/// 1970-01-01 was a Thursday; weeks begin on Monday.
const MONDAY_DAYS: u64 = 3;

/// How many of each stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Hours that keep their newest snapshot.
    pub hourly: u32,
    /// Days.
    pub daily: u32,
    /// Weeks, from Monday.
    pub weekly: u32,
    /// Months of the calendar.
    pub monthly: u32,
}

/// What retention needs to know of one snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// Its number: the order.
    pub id: Id,
    /// [`super::manifest::Moment::effective_s`].
    pub effective_s: u64,
    /// [`super::manifest::Moment::uptime_s`].
    pub uptime_s: u64,
    /// The last proof's verdict; `None`: nobody looked.
    pub good: Option<bool>,
    /// It is kept for its first days whatever else: everything but the schedule's.
    pub kept_first: bool,
}

impl From<&Snapshot> for Standing {
    fn from(snapshot: &Snapshot) -> Self {
        let manifest = &snapshot.manifest;
        Self {
            id: manifest.id,
            effective_s: manifest.moment.effective_s,
            uptime_s: manifest.moment.uptime_s,
            good: proof::last(&snapshot.proofs).map(proof::Proof::is_good),
            kept_first: manifest.reason != Reason::Scheduled,
        }
    }
}

/// What goes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// Nothing keeps them any more; oldest first.
    pub expired: Vec<Id>,
    /// Could go while the disk is short of room, in this order: what only an hour keeps before what a day, a week, a month
    /// keeps, the older first.
    pub thinnable: Vec<Id>,
}

/// The longest span that keeps a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Span {
    Hour,
    Day,
    Week,
    Month,
}

/// Decides. `uptime_s` is the box's uptime over all boots.
///
/// The newest snapshot, the newest proven one, and in their first days of uptime all that the schedule did not take are in
/// neither list.
#[must_use]
pub fn plan(snapshots: &[Standing], counts: Counts, uptime_s: u64) -> Plan {
    let mut newest_first = snapshots.to_vec();
    newest_first.sort_by_key(|snapshot| std::cmp::Reverse(snapshot.id));
    let newest = newest_first.first().map(|snapshot| snapshot.id);
    let proven = newest_first
        .iter()
        .find(|snapshot| snapshot.good == Some(true))
        .map(|snapshot| snapshot.id);
    let young = |snapshot: &Standing| uptime_s.saturating_sub(snapshot.uptime_s) < FIRST_DAYS_S;
    let untouchable = |snapshot: &Standing| {
        Some(snapshot.id) == newest
            || Some(snapshot.id) == proven
            || (snapshot.kept_first && young(snapshot))
    };
    let mut kept: BTreeMap<Id, Span> = BTreeMap::new();
    for (span, count) in [
        (Span::Hour, counts.hourly),
        (Span::Day, counts.daily),
        (Span::Week, counts.weekly),
        (Span::Month, counts.monthly),
    ] {
        for id in chosen(&newest_first, span, count) {
            kept.insert(id, span);
        }
    }
    let mut plan = Plan::default();
    let mut thinnable = Vec::new();
    for snapshot in newest_first.iter().rev() {
        if untouchable(snapshot) {
            continue;
        }
        let evidence = snapshot.good == Some(false) && young(snapshot);
        match kept.get(&snapshot.id) {
            Some(span) => thinnable.push((*span, snapshot.id)),
            None if evidence => thinnable.push((Span::Hour, snapshot.id)),
            None => plan.expired.push(snapshot.id),
        }
    }
    thinnable.sort();
    plan.thinnable = thinnable.into_iter().map(|(_, id)| id).collect();
    plan
}

/// The best of each of the newest `count` buckets: a proven one before one that nobody looked at, that before a bad one; among
/// equals the newest.
fn chosen(newest_first: &[Standing], span: Span, count: u32) -> Vec<Id> {
    let worth = |snapshot: &Standing| match snapshot.good {
        Some(true) => 2,
        None => 1,
        Some(false) => 0,
    };
    // Each bucket's newest, by which buckets are ordered, and its best.
    let mut buckets: BTreeMap<u64, (Id, (u8, Id))> = BTreeMap::new();
    for snapshot in newest_first {
        let this = (worth(snapshot), snapshot.id);
        buckets
            .entry(bucket(span, snapshot.effective_s))
            .and_modify(|(_, best)| *best = this.max(*best))
            .or_insert((snapshot.id, this));
    }
    let mut ordered: Vec<(Id, (u8, Id))> = buckets.into_values().collect();
    ordered.sort_by_key(|(newest, _)| std::cmp::Reverse(*newest));
    ordered
        .into_iter()
        .take(usize::try_from(count).unwrap_or(usize::MAX))
        .map(|(_, (_, best))| best)
        .collect()
}

/// Which hour, day, week or month (UTC) since 1970.
fn bucket(span: Span, effective_s: u64) -> u64 {
    let days = effective_s / DAY_S;
    match span {
        Span::Hour => effective_s / HOUR_S,
        Span::Day => days,
        Span::Week => (days + MONDAY_DAYS) / 7,
        Span::Month => month(days),
    }
}

/// The calendar month of a day since 1970, counted through: Howard Hinnant's `civil_from_days`
/// (howardhinnant.github.io/date_algorithms.html), for days after 1970.
fn month(days: u64) -> u64 {
    let shifted = days.saturating_add(719_468);
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Years begin in March there: March is 0, so months count through without a look at January.
    let month_of_year = (5 * day_of_year + 2) / 153;
    (era * 400 + year_of_era) * 12 + month_of_year
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    const COUNTS: Counts = Counts {
        hourly: 24,
        daily: 7,
        weekly: 4,
        monthly: 6,
    };
    /// 2026-11-02, a Monday.
    const MONDAY_S: u64 = 1_793_577_600;

    fn id(number: u64) -> Id {
        Id::new(number).unwrap()
    }

    fn standing(number: u64, effective_s: u64) -> Standing {
        Standing {
            id: id(number),
            effective_s,
            uptime_s: effective_s,
            good: Some(true),
            kept_first: false,
        }
    }

    /// Hourly snapshots from `first_s` on, thinned after each.
    fn life(first_s: u64, hours: u64) -> Vec<Standing> {
        let mut shelf: Vec<Standing> = Vec::new();
        for hour in 0..hours {
            shelf.push(standing(hour + 1, first_s + hour * HOUR_S));
            let plan = plan(&shelf, COUNTS, first_s + hour * HOUR_S);
            shelf.retain(|snapshot| !plan.expired.contains(&snapshot.id));
        }
        shelf
    }

    #[test]
    fn months_are_the_calendars() {
        let day = |date: &str| {
            let date: jiff::civil::Date = date.parse().unwrap();
            let since = date.since(jiff::civil::date(1970, 1, 1)).unwrap();
            u64::try_from(since.get_days()).unwrap()
        };
        for (one, other, same) in [
            ("2026-01-31", "2026-02-01", false),
            ("2026-02-01", "2026-02-28", true),
            ("2028-02-29", "2028-03-01", false),
            ("2099-12-31", "2100-01-01", false),
            ("2100-02-28", "2100-03-01", false),
            ("1970-01-01", "1970-01-31", true),
        ] {
            assert_eq!(month(day(one)) == month(day(other)), same, "{one} {other}");
        }
        assert_eq!(month(day("2027-11-05")), month(day("2026-11-20")) + 12);
    }

    #[test]
    fn a_year_of_hours_leaves_hours_days_weeks_and_months() {
        for first_s in [MONDAY_S, 0, 4_070_908_800] {
            let shelf = life(first_s, 365 * 24);
            let newest_s = shelf.last().unwrap().effective_s;
            let buckets = |span| {
                let all = shelf.iter().map(|found| bucket(span, found.effective_s));
                all.collect::<BTreeSet<u64>>().len()
            };
            let last_day = shelf
                .iter()
                .filter(|found| newest_s - found.effective_s < DAY_S)
                .count();
            assert_eq!(last_day, 24);
            assert!(buckets(Span::Day) >= 7 && buckets(Span::Week) >= 4);
            assert_eq!(buckets(Span::Month), 6);
            assert!((35..=41).contains(&shelf.len()), "{}", shelf.len());
        }
    }

    #[test]
    fn thinning_takes_old_hours_first_and_months_last() {
        let shelf = life(MONDAY_S, 200 * 24);
        let newest_s = shelf.last().unwrap().effective_s;
        let thinnable = plan(&shelf, COUNTS, newest_s).thinnable;
        let of = |id: &Id| shelf.iter().find(|found| found.id == *id).unwrap();
        let (first, last) = (
            of(thinnable.first().unwrap()),
            of(thinnable.last().unwrap()),
        );
        assert!(newest_s - first.effective_s < 2 * DAY_S);
        let oldest = shelf.first().unwrap();
        assert_eq!(
            bucket(Span::Month, oldest.effective_s) + 5,
            bucket(Span::Month, newest_s)
        );
        assert!(bucket(Span::Month, last.effective_s) < bucket(Span::Month, newest_s));
    }

    #[test]
    fn a_proven_one_stands_for_its_hour_and_a_bad_one_is_kept_a_week() {
        let mut shelf: Vec<Standing> = (1..=4).map(|n| standing(n, MONDAY_S + n)).collect();
        shelf[1].good = None;
        shelf[2].good = Some(false);
        // Of one hour: 1 is proven, 2 not looked at, 3 bad, 4 the newest and proven.
        assert_eq!(plan(&shelf, COUNTS, MONDAY_S).expired, [id(1), id(2)]);
        let later = MONDAY_S + FIRST_DAYS_S + 10;
        assert_eq!(plan(&shelf, COUNTS, later).expired, [id(1), id(2), id(3)]);
        shelf.truncate(3);
        assert_eq!(plan(&shelf, COUNTS, MONDAY_S).expired, [id(2)]);
    }

    #[test]
    fn the_way_back_of_a_restore_is_kept_for_a_week_of_uptime_however_short_the_room() {
        let mut shelf: Vec<Standing> = (1..=9).map(|n| standing(n, MONDAY_S + n)).collect();
        shelf[0].kept_first = true;
        let young = plan(&shelf, COUNTS, MONDAY_S + FIRST_DAYS_S);
        assert!(!young.expired.contains(&id(1)) && !young.thinnable.contains(&id(1)));
        let old = plan(&shelf, COUNTS, MONDAY_S + FIRST_DAYS_S + 1);
        assert!(old.expired.contains(&id(1)));
    }

    fn shelves() -> impl Strategy<Value = Vec<Standing>> {
        let clock = prop_oneof![
            Just(0u64),
            0u64..10_000_000,
            1_790_000_000u64..1_820_000_000,
            Just(4_080_000_000u64),
            any::<u64>(),
        ];
        let one = (
            1u64..200,
            clock,
            any::<u32>(),
            any::<Option<bool>>(),
            any::<bool>(),
        );
        proptest::collection::vec(one, 0..80).prop_map(|all| {
            let mut numbers = BTreeSet::new();
            all.into_iter()
                .filter(|one| numbers.insert(one.0))
                .map(
                    |(number, effective_s, uptime_s, good, kept_first)| Standing {
                        id: id(number),
                        effective_s,
                        uptime_s: u64::from(uptime_s),
                        good,
                        kept_first,
                    },
                )
                .collect()
        })
    }

    fn counts() -> impl Strategy<Value = Counts> {
        (0u32..30, 0u32..9, 0u32..6, 0u32..8).prop_map(|(hourly, daily, weekly, monthly)| Counts {
            hourly,
            daily,
            weekly,
            monthly,
        })
    }

    proptest! {
        /// Clocks of 1970, of 2099 and of no meaning at all, in any order.
        #[test]
        fn the_newest_the_last_proven_and_a_restores_way_back_never_go(shelf in shelves(), counts in counts(), uptime_s in any::<u32>()) {
            let uptime_s = u64::from(uptime_s);
            let plan = plan(&shelf, counts, uptime_s);
            let goes = |id: Id| plan.expired.contains(&id) || plan.thinnable.contains(&id);
            let newest = shelf.iter().map(|found| found.id).max();
            let proven = shelf.iter().filter(|found| found.good == Some(true)).map(|found| found.id).max();
            for id in newest.into_iter().chain(proven) {
                prop_assert!(!goes(id));
            }
            for found in &shelf {
                if found.kept_first && uptime_s.saturating_sub(found.uptime_s) < FIRST_DAYS_S {
                    prop_assert!(!goes(found.id));
                }
                prop_assert!(!(plan.expired.contains(&found.id) && plan.thinnable.contains(&found.id)));
            }
        }

        #[test]
        fn what_stays_is_bounded(shelf in shelves(), counts in counts(), uptime_s in any::<u32>()) {
            let uptime_s = u64::from(uptime_s);
            let gone = plan(&shelf, counts, uptime_s).expired;
            let left: Vec<Standing> = shelf.iter().copied().filter(|found| !gone.contains(&found.id)).collect();
            let excepted = left
                .iter()
                .filter(|found| found.kept_first || found.good == Some(false))
                .count();
            let most = counts.hourly + counts.daily + counts.weekly + counts.monthly + 2;
            prop_assert!(left.len() - excepted <= usize::try_from(most).unwrap());
        }

        /// Moments never go back from snapshot to snapshot, whatever the clock does.
        #[test]
        fn a_second_look_takes_nothing_more(mut shelf in shelves(), counts in counts(), uptime_s in any::<u32>()) {
            let mut moments: Vec<u64> = shelf.iter().map(|found| found.effective_s).collect();
            moments.sort_unstable();
            shelf.sort_by_key(|found| found.id);
            for (found, effective_s) in shelf.iter_mut().zip(moments) {
                found.effective_s = effective_s;
            }
            let uptime_s = u64::from(uptime_s);
            let gone = plan(&shelf, counts, uptime_s).expired;
            shelf.retain(|found| !gone.contains(&found.id));
            prop_assert_eq!(plan(&shelf, counts, uptime_s).expired, vec![]);
        }

        /// A clock that jumps about while the box lives: the last hours of uptime are never emptied.
        #[test]
        fn the_last_snapshots_of_a_moving_clock_stay(steps in proptest::collection::vec(0u64..50 * HOUR_S, 1..120)) {
            let mut shelf: Vec<Standing> = Vec::new();
            let mut effective_s = 0;
            for (number, step_s) in (1u64..).zip(steps) {
                effective_s += step_s.max(HOUR_S);
                shelf.push(standing(number, effective_s));
                let plan = plan(&shelf, COUNTS, effective_s);
                shelf.retain(|found| !plan.expired.contains(&found.id));
                let newest: Vec<u64> = shelf.iter().rev().take(24).map(|found| found.id.number()).collect();
                let expected: Vec<u64> = (1..=number).rev().take(newest.len()).collect();
                prop_assert_eq!(newest, expected);
            }
        }
    }
}
