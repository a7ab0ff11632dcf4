//! Data is never taken for absent, and release and data belong together.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_tests::command::{ask, run};
use posto_tests::container::{Container, DataFile, facility_file};
use posto_tests::release;
use posto_tests::wait;

use crate::ground::{installed, label, options};

/// Waits until a unit that others need has failed.
fn wait_for_refusal(container: &Container, unit: &str) -> Result<()> {
    wait::until(
        &format!("the refusal of {unit}"),
        Duration::from_secs(180),
        || {
            // A systemd that has just begun does not answer yet.
            let state = container.property(unit, "ActiveState").unwrap_or_default();
            ensure!(state != "active", "{unit} let it pass");
            Ok((state == "failed").then_some(()))
        },
    )
}

/// The database is down, and whoever asks is told that something is wrong.
fn tells_and_stays_down(container: &Container, name: &str) -> Result<()> {
    ensure!(
        !container.is_active("mariadb.service")?,
        "{name}: the database must stay down"
    );
    let status = container.ask(&["/usr/bin/posto", "status"])?;
    println!("{name}: {}", status.out.trim().replace('\n', " / "));
    ensure!(status.code != 0, "{name}: posto status must not be content");
    Ok(())
}

/// Boots on data that `damage` changed; the database must stay down, the door shut, and nothing new be made.
fn stays_down(name: &str, damage: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let folder = release::scratch()?;
    let data = installed(&folder.path().join(format!("{name}.xfs")))?;
    data.change(damage)?;
    let container = Container::start(&options(data.path())?)?;
    wait_for_refusal(&container, "posto-guard.service")
        .with_context(|| format!("{name}: the guard"))?;
    let page = wait::until("the door's page", Duration::from_secs(60), || {
        Ok(container.get("/openmrs/").ok())
    })?;
    ensure!(page.status == 503, "{name}: the door must be shut");
    tells_and_stays_down(&container, name)?;
    ensure!(
        container.ask(&["ls", "/data/live/database/mysql"])?.code != 0
            || name.contains("stamp")
            || name.contains("release"),
        "{name}: a database was made"
    );
    container.stop()
}

#[test]
fn a_missing_database_directory_is_never_replaced_by_a_fresh_one() -> Result<()> {
    stays_down("missing-database", |data| {
        run(&["rm", "-r", &format!("{data}/live/database")]).map(drop)
    })
}

#[test]
fn an_empty_database_directory_is_never_filled_with_a_fresh_one() -> Result<()> {
    stays_down("empty-database", |data| {
        run(&[
            "find",
            &format!("{data}/live/database"),
            "-mindepth",
            "1",
            "-delete",
        ])
        .map(drop)
    })
}

#[test]
fn a_missing_stamp_keeps_the_database_down() -> Result<()> {
    stays_down("missing-stamp", |data| {
        run(&["rm", &format!("{data}/posto/stamp.json")]).map(drop)
    })
}

#[test]
fn data_of_another_release_keep_the_database_down() -> Result<()> {
    stays_down("other-release", |data| {
        run(&[
            "sed",
            "-i",
            "s/\"release\": *\"[^\"]*\"/\"release\": \"1999.01.01-1\"/",
            &format!("{data}/posto/stamp.json"),
        ])?;
        ensure!(
            run(&["cat", &format!("{data}/posto/stamp.json")])?.contains("1999"),
            "the stamp was not changed"
        );
        Ok(())
    })
}

#[test]
fn a_full_disk_at_first_boot_ends_in_a_clear_refusal_and_a_later_boot_goes_on() -> Result<()> {
    let folder = release::scratch()?;
    let data = DataFile::create(
        &folder.path().join("full.xfs"),
        320 << 20,
        &facility_file(1, "posto-um"),
    )?;
    data.change(|at| {
        // Leave too little for a database.
        ask(&[
            "dd",
            "if=/dev/zero",
            &format!("of={at}/ballast"),
            "bs=1M",
            "status=none",
        ])?;
        run(&["truncate", "-s", "-8M", &format!("{at}/ballast")]).map(drop)
    })?;
    let container = Container::start(&options(data.path())?)?;
    wait_for_refusal(&container, "posto-first-boot.service")?;
    tells_and_stays_down(&container, "full disk")?;
    container.stop()?;
    ensure!(
        label(&data)? == "posto-virgin",
        "the mark must stand until the first boot is complete"
    );
    Ok(())
}
