//! Data is never taken for absent, and release and data belong together.

use std::time::Duration;

use anyhow::{Result, bail, ensure};
use posto_tests::command::{ask, run};
use posto_tests::container::{Container, DataFile, facility_file};
use posto_tests::release;
use posto_tests::wait;

use crate::ground::{installed, label, options};

/// Boots on data that `damage` changed; the database must stay down, the door shut, and nothing new be made.
fn stays_down(name: &str, damage: impl FnOnce(&str) -> Result<()>) -> Result<()> {
    let folder = release::scratch()?;
    let data = installed(&folder.path().join(format!("{name}.xfs")))?;
    data.change(damage)?;
    let container = Container::start(&options(data.path())?)?;
    wait::until("the guard's verdict", Duration::from_secs(120), || {
        let state = container
            .ask(&[
                "systemctl",
                "show",
                "-P",
                "ActiveState",
                "posto-guard.service",
            ])?
            .out;
        if state.trim() == "active" {
            bail!("{name}: the guard let it pass");
        }
        Ok((state.trim() == "failed").then_some(()))
    })?;
    let page = wait::until("the door's page", Duration::from_secs(60), || {
        Ok(container.get("/openmrs/").ok())
    })?;
    ensure!(page.status == 503, "{name}: the door must be shut");
    ensure!(
        container
            .ask(&["systemctl", "is-active", "mariadb.service"])?
            .code
            != 0,
        "{name}: the database must stay down"
    );
    let status = container.ask(&["/usr/bin/posto", "status"])?;
    println!("{name}: {}", status.out.trim().replace('\n', " / "));
    ensure!(status.code != 0, "{name}: posto status must not be content");
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
    wait::until("first boot's refusal", Duration::from_secs(180), || {
        let state = container
            .ask(&[
                "systemctl",
                "show",
                "-P",
                "ActiveState",
                "posto-first-boot.service",
            ])?
            .out;
        Ok((state.trim() == "failed").then_some(()))
    })?;
    let status = container.ask(&["/usr/bin/posto", "status"])?;
    println!("full disk: {}", status.out.trim().replace('\n', " / "));
    ensure!(status.code != 0, "posto status must not be content");
    ensure!(
        container
            .ask(&["systemctl", "is-active", "mariadb.service"])?
            .code
            != 0,
        "the database must stay down"
    );
    container.stop()?;
    ensure!(
        label(&data)? == "posto-virgin",
        "the mark must stand until the first boot is complete"
    );
    Ok(())
}
