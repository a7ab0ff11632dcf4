//! A support bundle of a box whose journal, database and logs hold a patient's name.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::container::Container;
use serde_json::Value;

/// Nobody else's on the box.
pub(super) const PATIENT: &str = "Xiluvamba";
/// All that the part for everybody may hold.
const LISTED: [&str; 18] = [
    "reference",
    "posto",
    "facility",
    "release",
    "slot",
    "distro",
    "kernel",
    "situation",
    "since_unix_s",
    "door_open",
    "database_answers",
    "alarms",
    "data_disk",
    "snapshots",
    "pings",
    "boots",
    "units",
    "events",
];
const SECRETS: [&str; 2] = ["openmrs-db-password", "openmrs-admin-password"];

pub(super) fn only_what_is_listed(container: &Container, programme: &Path) -> Result<()> {
    seed(container)?;
    let made = container.data().join("bundle");
    container.run(&["mkdir", "/data/bundle"])?;
    let said = container.run(&["posto", "support-bundle", "--to", "/data/bundle"])?;
    println!("{}", said.trim());
    let files: Vec<_> = std::fs::read_dir(&made)?.collect::<Result<_, _>>()?;
    let [file] = files.as_slice() else {
        anyhow::bail!("not one file: {files:?}");
    };
    let name = file.file_name();
    let name = name.to_str().context("name")?;
    let reference = name
        .strip_prefix("posto-posto-um-")
        .and_then(|rest| rest.strip_suffix(".tar"))
        .context("name")?;
    ensure!(said.contains(reference), "{said}");

    let tar = file.path();
    let tar = tar.to_str().context("path")?;
    let inside = run(&["tar", "-tf", tar])?;
    ensure!(inside == "bundle.json\nwords.age\n", "{inside}");
    let plain = run(&["tar", "-xOf", tar, "bundle.json"])?;
    let facts: Value = serde_json::from_str(&plain)?;
    let facts = facts.as_object().context("no object")?;
    let unlisted: Vec<&String> = facts
        .keys()
        .filter(|key| !LISTED.contains(&key.as_str()))
        .collect();
    ensure!(unlisted.is_empty(), "not on the list: {unlisted:?}");
    ensure!(facts["reference"] == reference, "{plain}");
    let events = facts["events"].as_array().context("no events")?;
    let fields = events
        .iter()
        .filter_map(|event| event["fields"].as_object());
    let mut texts = fields.flat_map(|fields| fields.values().filter_map(Value::as_str));
    ensure!(
        !events.is_empty() && texts.all(is_code),
        "somebody's words are in an event: {plain}"
    );

    let opened = tempfile::tempdir()?;
    let at = |name: &str| opened.path().join(name).display().to_string();
    run(&["tar", "-C", &at(""), "-xf", tar])?;
    let key = programme.to_str().context("path")?;
    run(&["age", "-d", "-i", key, "-o", &at("words"), &at("words.age")])?;
    std::fs::create_dir(opened.path().join("in"))?;
    run(&["tar", "--zstd", "-C", &at("in"), "-xf", &at("words")])?;
    let words = run(&["sh", "-c", "cd \"$0\" && grep -rac '' .", &at("in")])?;
    let named = run(&["grep", "-rlai", PATIENT, &at("in")])?;
    println!(
        "bundle of {} bytes, {} of them for anybody; the programme reads (lines): {}; the patient's name is in {} of these files",
        file.metadata()?.len(),
        plain.len(),
        words.trim().replace('\n', ", "),
        named.lines().count()
    );
    ensure!(
        !plain.to_lowercase().contains(&PATIENT.to_lowercase()),
        "a patient's name may be read by anybody"
    );
    for secret in SECRETS {
        let secret = container.run(&["cat", &format!("/data/secrets/{secret}")])?;
        let found = posto_tests::command::ask(&["grep", "-raF", secret.trim(), &at("")])?;
        ensure!(found.code == 1, "a secret is in the bundle: {}", found.out);
    }
    Ok(())
}

/// As this program writes its codes.
fn is_code(text: &str) -> bool {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-@".contains(&byte);
    text.bytes().all(plain)
}

/// The name in the journal under a unit of ours and of nobody's, and as a clerk's question in the door's log; a patient of this
/// name was entered before.
fn seed(container: &Container) -> Result<()> {
    let words = format!("patient {PATIENT} not found");
    container.run(&[
        "systemd-run",
        "--wait",
        "--quiet",
        "--collect",
        "--unit=posto-seed",
        "echo",
        &words,
    ])?;
    container.run(&["logger", "--tag", "openmrs", &words])?;
    container.get(&format!("/openmrs/nowhere?name={PATIENT}"))?;
    container.run(&["journalctl", "--sync"]).map(drop)?;
    let rows = container.run(&[
        "mariadb",
        "--batch",
        "--skip-column-names",
        "-e",
        &format!("SELECT COUNT(*) FROM openmrs.person_name WHERE given_name = '{PATIENT}'"),
    ])?;
    ensure!(rows.trim() == "1", "{rows} patients of this name");
    Ok(())
}
