//! What the hub was told, beside what the box says of itself.

use anyhow::{Context, Result, ensure};
use posto::health::frame::{Door, Frame, Mode, Slot, Tri};
use posto_release::manifest::Manifest;
use posto_tests::release;
use serde_json::Value;

use super::{FACILITY, Ground};

/// Rounding, and what is written between the two looks.
const PERCENT: f64 = 2.0;

/// The pings of the boot and the newest one, which was made beside the open door.
pub(super) fn first_pings(ground: &Ground) -> Result<()> {
    let frames = ground.kept()?;
    let (first, newest) = frames.first().zip(frames.last()).context("no ping")?;
    println!("first ping: {first:?}");
    println!("newest of {}: {newest:?}", frames.len());
    let status = ground.status()?;
    like(newest, &status).with_context(|| format!("{newest:?} {status}"))?;
    let site = ground.site()?;
    println!("at the hub: {site}");
    let word = |at: &Value, name: &str| at.get(name).and_then(Value::as_str).map(str::to_owned);
    ensure!(
        word(&site, "site").as_deref() == Some(FACILITY)
            && word(&site, "condition").as_deref() == Some("good")
            && word(&site, "release") == word(&status, "release"),
        "{site}"
    );
    let age_s = site.get("snapshot_age_s").and_then(Value::as_u64);
    ensure!(
        site.get("openmrs_up").and_then(Value::as_bool) == Some(true)
            && age_s.is_some_and(|age_s| age_s < 900),
        "{site}"
    );
    Ok(())
}

fn like(frame: &Frame, status: &Value) -> Result<()> {
    let number = |at: &str| status.pointer(at).and_then(Value::as_u64);
    let yes = |at: &str| match status.pointer(at).and_then(Value::as_bool) {
        Some(true) => Tri::Yes,
        Some(false) => Tri::No,
        None => Tri::Unknown,
    };
    ensure!(
        status["slot"].is_null() && frame.state.slot == Slot::Unknown,
        "slot"
    );
    ensure!(frame.state.mode == Mode::Unknown, "a container has no mode");
    ensure!(
        yes("/judgement/door_open") == Tri::Yes && frame.state.door == Door::Open,
        "door"
    );
    ensure!(
        yes("/serving") == Tri::Yes && frame.state.openmrs == Tri::Yes,
        "OpenMRS"
    );
    ensure!(
        yes("/judgement/database_answers") == Tri::Yes && frame.state.database == Tri::Yes,
        "database"
    );
    let manifest = std::fs::read(release::folder()?.join("manifest.json"))?;
    let built = Manifest::from_json(&manifest)?.identity.built;
    ensure!(
        frame.release_built_s.map(u64::from) == Some(built),
        "release"
    );
    ensure!(
        status["alarms"].as_array().is_some_and(Vec::is_empty) && frame.alarm.is_none(),
        "alarms"
    );

    let age_min = number("/snapshots/newest/age_s").context("no snapshot")? / 60;
    let told = frame.snapshot_age_min.map(u64::from);
    ensure!(
        told.is_some_and(|told| told <= age_min && age_min <= told + 2),
        "snapshot: {told:?}, {age_min}"
    );
    ensure!(
        frame.encounter_age_min.is_some_and(|age| age <= 5),
        "encounter"
    );
    ensure!(
        frame.encounters_today.is_some_and(|count| count >= 1),
        "encounters"
    );
    let free = number("/data_disk/free_bytes").context("free")? as f64;
    let size = number("/data_disk/size_bytes").context("size")? as f64;
    let used = frame.disk_used_percent.map(f64::from).context("disk")?;
    ensure!(
        (used - (1.0 - free / size) * 100.0).abs() <= PERCENT,
        "disk"
    );
    let budget = number("/pings/budget_bytes").context("budget")?;
    let left = budget - number("/pings/spent_bytes").context("spent")?;
    let told = frame.budget_left_mb.map(u64::from).context("budget left")?;
    ensure!(
        told.abs_diff(left / 1_000_000) <= 1,
        "budget: {told}, {left}"
    );
    Ok(())
}
