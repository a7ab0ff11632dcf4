//! A snapshot is taken while clerks work, proven, put back in seconds, and what it replaced is kept and can be had back.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use posto_tests::container::Container;
use posto_tests::installed::admin;
use serde_json::Value;

use crate::ground::{OPEN_BOUND, add, all_there, open_box, posto};

fn id_of(said: &Value) -> Result<String> {
    let id = said.pointer("/snapshot/id");
    let id = id.and_then(Value::as_u64).context("no id")?;
    Ok(id.to_string())
}

#[test]
fn a_snapshot_is_proven_put_back_and_what_it_replaced_is_kept_and_can_be_had_back() -> Result<()> {
    let (_folder, mut container) = open_box("snapshots")?;
    let clerk = admin(&container)?;
    let before = add(&clerk, 20)?;

    let begun = Instant::now();
    let taken = posto(
        &container,
        &["snapshot", "take", "--reason", "before the training"],
    )?;
    println!("taken in {:.2} s: {taken}", begun.elapsed().as_secs_f64());
    let id = id_of(&taken)?;
    let after = add(&clerk, 10)?;

    // Nobody has looked at it yet.
    let refused = container.ask(&["/usr/bin/posto", "restore", &id, "--yes"])?;
    ensure!(
        refused.code == 3,
        "an unproven snapshot: {} {}",
        refused.code,
        refused.err
    );
    let begun = Instant::now();
    let proof = posto(&container, &["snapshot", "verify", &id, "--full"])?;
    println!("proven in {:.1} s: {proof}", begun.elapsed().as_secs_f64());

    let plan = posto(&container, &["restore", &id, "--dry-run"])?;
    println!("the plan: {plan}");
    all_there(&clerk, &before, true)?;
    all_there(&clerk, &after, true)?;

    let begun = Instant::now();
    let restored = posto(&container, &["restore", &id, "--yes"])?;
    println!(
        "put back in {:.1} s: {restored}",
        begun.elapsed().as_secs_f64()
    );
    container.wait_open(OPEN_BOUND)?;
    println!(
        "the door is open again {:.1} s after 'posto restore'",
        begun.elapsed().as_secs_f64()
    );
    all_there(&clerk, &before, true)?;
    all_there(&clerk, &after, false)?;
    let since = add(&clerk, 3)?;

    posto(&container, &["restore", "--undo", "--yes"])?;
    container.wait_open(OPEN_BOUND)?;
    all_there(&clerk, &before, true)?;
    all_there(&clerk, &after, true)?;
    all_there(&clerk, &since, false)?;

    let list = posto(&container, &["snapshot", "list"])?;
    println!("{list}");
    println!(
        "{}",
        container.run(&["/usr/bin/posto", "snapshot", "list"])?
    );
    ensure!(
        list.as_array().is_some_and(|list| list.len() >= 3),
        "the taken one and two that restores kept"
    );
    container.stop()
}

#[test]
fn a_box_killed_at_any_moment_of_a_restore_serves_the_old_or_the_new_state_whole() -> Result<()> {
    let (folder, mut container) = open_box("restore-killed")?;
    let clerk = admin(&container)?;
    let before = add(&clerk, 5)?;
    let id = id_of(&posto(&container, &["snapshot", "take"])?)?;
    posto(&container, &["snapshot", "verify", &id])?;
    let after = add(&clerk, 5)?;
    let data = folder.path().join("restore-killed.xfs");
    for moment_ms in [300_u64, 1500, 3000, 6000] {
        container.run(&[
            "systemd-run",
            "--no-block",
            "--unit=restoring",
            "--collect",
            "/usr/bin/posto",
            "restore",
            &id,
            "--yes",
        ])?;
        posto_tests::wait::pause(std::time::Duration::from_millis(moment_ms));
        drop(container);
        container = Container::start(&crate::ground::options(&data)?)?;
        container.wait_open(OPEN_BOUND)?;
        all_there(&clerk, &before, true)?;
        let first = after
            .first()
            .and_then(|one| one.uuids().next())
            .context("added")?;
        let old = clerk.has(first)?;
        all_there(&clerk, &after, old)?;
        let kept = posto(&container, &["snapshot", "list"])?;
        println!(
            "killed {moment_ms} ms into a restore: the {} state, {} snapshots",
            if old { "old" } else { "restored" },
            kept.as_array().map_or(0, Vec::len)
        );
        if !old {
            posto(&container, &["restore", "--undo", "--yes"])?;
            container.wait_open(OPEN_BOUND)?;
            all_there(&clerk, &after, true)?;
        }
    }
    container.stop()
}
