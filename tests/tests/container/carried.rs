//! A box has burned. What is left is a copy on a stick and the recovery code: another box, with secrets of its own, takes it over.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::container::Container;
use posto_tests::installed::admin;
use posto_tests::release;
use posto_tests::standin::Clinic;
use serde_json::Value;

use crate::ground::{
    OPEN_BOUND, add, all_there, another, exported, installed, options, posto, proven_snapshot,
};

/// What must stay the box's own, whatever is restored on it.
const OWN: [&str; 8] = [
    "openmrs-db-password",
    "box-key",
    "recovery-identity",
    "recovery-code",
    "technician-code",
    "technician-code.hash",
    "tls/cert.pem",
    "tls/key.pem",
];

fn own(container: &Container) -> Result<String> {
    let files = OWN.map(|name| format!("/data/secrets/{name}"));
    let argv: Vec<&str> = std::iter::once("sha256sum")
        .chain(files.iter().map(String::as_str))
        .collect();
    container.run(&argv)
}

/// OpenMRS's own password for the database, as it stands in its files.
fn opens_database_with(container: &Container) -> Result<String> {
    let said = container.run(&[
        "sed",
        "-n",
        "s/^connection.password=//p",
        "/data/live/openmrs/openmrs-runtime.properties",
    ])?;
    Ok(said.trim().to_owned())
}

#[test]
#[ignore = "two boxes, 90 s and more: ./check full"]
fn a_copy_of_a_burned_box_is_restored_on_another_which_stays_itself() -> Result<()> {
    let folder = release::scratch()?;
    let begun = Instant::now();
    let burned = installed(&folder.path().join("burned.xfs"))?;
    let (copy, code, key, fingerprint, old_password, records) = {
        let mut container = Container::start(&options(burned.path())?)?;
        container.wait_open(OPEN_BOUND)?;
        let records = add(&admin(&container)?, 10)?;
        let id = proven_snapshot(&container)?;
        let copy = exported(&container, &id)?;
        let out = folder.path().join("stick");
        run(&[
            "cp".as_ref(),
            "-r".as_ref(),
            copy.as_os_str(),
            out.as_os_str(),
        ])?;
        let read = |name: &str| container.run(&["cat", &format!("/data/secrets/{name}")]);
        let named = posto(&container, &["box-key"])?;
        let word =
            |name: &str| Ok::<_, anyhow::Error>(named[name].as_str().context("key")?.to_owned());
        let found = (
            out,
            read("recovery-code")?,
            word("key")?,
            word("fingerprint")?,
            read("openmrs-admin-password")?,
            records,
        );
        container.kill()?;
        found
    };

    let other = another(&folder.path().join("other.xfs"))?;
    let mut container = Container::start(&options(other.path())?)?;
    container.wait_open(OPEN_BOUND)?;
    let (before, password) = (own(&container)?, opens_database_with(&container)?);
    let clerk = admin(&container)?;
    let its_own = add(&clerk, 3)?;
    let inside = container.data().join("burned.posto");
    run(&[
        "cp".as_ref(),
        "-r".as_ref(),
        copy.as_os_str(),
        inside.as_os_str(),
    ])?;
    container.run(&[
        "sh",
        "-c",
        &format!("umask 077; echo '{}' > /run/code", code.trim()),
    ])?;
    let import = [
        "snapshot",
        "import",
        "/data/burned.posto",
        "--passphrase-file",
        "/run/code",
    ];

    // Nobody knows that box here: by its fingerprint, or by the facility file.
    let refused = container.ask(&[&["/usr/bin/posto"], &import[..]].concat())?;
    ensure!(
        refused.code != 0 && refused.err.contains(&fingerprint),
        "{}{}",
        refused.out,
        refused.err
    );
    let accepted = posto(
        &container,
        &[&import[..], &["--accept-signer", &fingerprint]].concat(),
    )?;
    println!("by its fingerprint: {accepted}");
    let line = format!("printf '[[boxes]]\\nkey = \"{key}\"\\n' >> /data/posto/facility.toml");
    container.run(&["sh", "-c", &line])?;
    let brought = posto(&container, &import)?;
    let id = brought
        .pointer("/snapshot")
        .and_then(Value::as_u64)
        .context("no number")?
        .to_string();

    let refused = container.ask(&["/usr/bin/posto", "restore", &id, "--yes"])?;
    ensure!(
        refused.code == 3,
        "an unproven one: {}{}",
        refused.out,
        refused.err
    );
    posto(&container, &["snapshot", "verify", &id])?;
    let restored = posto(&container, &["restore", &id, "--yes"])?;
    println!("restored: {restored}");
    container.wait_open(OPEN_BOUND)?;
    // The people's passwords come with their database.
    let base = format!("http://{}", container.address());
    let old_clerk = Clinic::new(&base, "admin", old_password.trim());
    all_there(&old_clerk, &records, true)?;
    all_there(&old_clerk, &its_own, false)?;
    add(&old_clerk, 1)?;
    ensure!(
        own(&container)? == before,
        "a secret of the box's own was changed:\n{before}\n{}",
        own(&container)?
    );
    ensure!(
        opens_database_with(&container)? == password,
        "the database's password"
    );

    posto(&container, &["restore", "--undo", "--yes"])?;
    container.wait_open(OPEN_BOUND)?;
    all_there(&clerk, &its_own, true)?;
    all_there(&clerk, &records, false)?;
    ensure!(own(&container)? == before, "after the way back");
    println!("all of it: {:.0} s", begun.elapsed().as_secs_f64());
    container.stop()
}
