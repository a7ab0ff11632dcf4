//! `posto unit database-rebuild`: the scattered tables, one after the other, while it is night and there is room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use crate::database::rebuild::act::{self, Outcome, Way};
use crate::database::rebuild::decide::{self, Next, Seen, Table};
use crate::database::rebuild::lying;
use crate::database::rebuild::record::Record;
use crate::events::{self, Event};
use crate::facility;
use crate::guards::{self, disk};
use crate::maintenance::{self, Stop};
use crate::places::Places;
use crate::snapshot::moment;
use crate::snapshot::schedule::Disk;
use crate::system::log::log;
use crate::system::{block, clock};

/// Rebuilds what is to be rebuilt.
///
/// # Errors
/// When the database fails or cannot be looked at; its tables are as they were.
pub(super) async fn run(places: &Places) -> anyhow::Result<()> {
    let stop = Stop::default();
    watch_signals(&stop)?;
    while let Some((table, longest)) = choose(places)? {
        let flag = stop.flag();
        let until = clock::since_boot() + longest;
        let outcome = act::rebuild(&places.database_socket(), &table, &mut || {
            let too_long = || (clock::since_boot() >= until).then_some(Way::TooLong);
            way(places, &flag).or_else(too_long)
        })
        .await?;
        tell(places, &table, &outcome)?;
        if !matches!(outcome, Outcome::Done(_)) || stop.is_asked() {
            break;
        }
    }
    Ok(())
}

fn watch_signals(stop: &Stop) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let flag = stop.flag();
    // Ends with the runtime.
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        flag.store(true, Ordering::Relaxed);
    });
    Ok(())
}

/// The next one and how long it may take, anew after each: room and time have become less.
fn choose(places: &Places) -> anyhow::Result<Option<(Table, Duration)>> {
    let tables = lying::tables(&places.database())?;
    let (facility, _) = facility::in_force(places);
    let record = Record::read(places);
    let seen = Seen {
        tables: &tables,
        record: &record,
        disk: match block::Disk::of(&places.data()) {
            Ok(disk) if disk.is_rotational() => Disk::Rotational,
            _ => Disk::Solid,
        },
        room: disk::room(places),
        uptime_s: moment::uptime_s(places, clock::since_boot()),
        local_minute: moment::local_minute(places, &facility.time_zone, clock::unix_seconds()),
        quiet: facility.snapshots.quiet(),
    };
    Ok(match decide::next(&seen) {
        Next::Rebuild(table) => Some((
            table.clone(),
            Duration::from_secs(table.longest_s(seen.disk)),
        )),
        Next::TooLate(table) => {
            log(&format!(
                "{} lies in {} pieces; the quiet time is too short for it now",
                table.full_name(),
                table.extents
            ));
            None
        }
        Next::NoRoom(table) => {
            log(&format!(
                "{} lies in {} pieces; its rebuild needs {} MB more than must stay free",
                table.full_name(),
                table.extents,
                table.needed_bytes() / 1_000_000
            ));
            None
        }
        Next::Nothing | Next::NotNow => None,
    })
}

/// Whether somebody needs the box.
fn way(places: &Places, stopped: &Arc<AtomicBool>) -> Option<Way> {
    if stopped.load(Ordering::Relaxed) {
        return Some(Way::Stopped);
    }
    if maintenance::under_way(places).is_some() {
        return Some(Way::Maintenance);
    }
    if guards::memory_is_short(places) {
        return Some(Way::Memory);
    }
    if disk::room(places).is_some_and(disk::Room::is_low) {
        return Some(Way::Room);
    }
    let (facility, _) = facility::in_force(places);
    let quiet = moment::local_minute(places, &facility.time_zone, clock::unix_seconds())
        .is_some_and(|minute| facility.snapshots.quiet().holds(minute));
    (!quiet).then_some(Way::Day)
}

fn tell(places: &Places, table: &Table, outcome: &Outcome) -> anyhow::Result<()> {
    let event = match outcome {
        Outcome::Done(cost) => {
            let after = lying::tables(&places.database())?;
            let after = after
                .iter()
                .find(|found| found.full_name() == table.full_name());
            Event::new("table-rebuilt")
                .with("before", table.extents)
                .with("after", after.map_or(0, |after| after.extents))
                .with("seconds", cost.took.as_secs())
                .with("redo_mb", cost.redo_bytes / 1_000_000)
        }
        Outcome::GaveWay(way) => Event::new("table-rebuild-gave-way").with("why", way.code()),
        Outcome::Refused(reason) => {
            Event::new("table-rebuild-refused").with("reason", reason.as_str())
        }
    };
    events::record(places, &event.with("table", table.full_name()));
    let mut record = Record::read(places);
    let gave_way = matches!(outcome, Outcome::GaveWay(_));
    let uptime_s = moment::uptime_s(places, clock::since_boot());
    record.put(table, uptime_s, gave_way);
    Ok(record.write(places)?)
}
