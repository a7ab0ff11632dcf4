//! The programme's key: what it is to open, it opens with stock tools, and nothing else is needed.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use posto_tests::command::run;
use posto_tests::container::Limits;
use posto_tests::installed::OpenBox;
use posto_tests::{copy, release};

use crate::ground::{OPEN_BOUND, add_to_facility, exported, programme_key, proven_snapshot};

fn opened(key: &str, file: &Path) -> Result<String> {
    let said = run(&["age", "-d", "-i", key, file.to_str().context("path")?])?;
    Ok(said.trim().to_owned())
}

#[test]
fn the_programmes_key_opens_the_technicians_code_the_recovery_identity_and_copies() -> Result<()> {
    let folder = release::scratch()?;
    let (key, recipient) = programme_key(folder.path())?;
    let key = key.to_str().context("path")?;
    // The box was installed before the programme's key was named.
    let this = OpenBox::start("programme", Limits::default(), OPEN_BOUND, |data| {
        let lines = format!("\n[programme]\nage_recipient = \"{recipient}\"\n");
        data.change(|at| add_to_facility(at, &lines))
    })?;
    let container = &this.container;
    let kept = container.data().join("posto");
    let read = |name: &str| container.run(&["cat", &format!("/data/secrets/{name}")]);
    ensure!(
        opened(key, &kept.join("technician-code.age"))? == read("technician-code")?.trim(),
        "the technician's code"
    );
    ensure!(
        opened(key, &kept.join("recovery.age"))? == read("recovery-identity")?.trim(),
        "the recovery identity"
    );

    let id = proven_snapshot(container)?;
    let made = exported(container, &id)?;
    let out = folder.path().join("opened");
    copy::opened(&made, Path::new(key), &out)?;
    let original = container.data().join(format!("snapshots/{id:0>6}"));
    for part in ["manifest.json", "database", "openmrs"] {
        run(&[
            "diff".as_ref(),
            "-r".as_ref(),
            original.join(part).as_os_str(),
            out.join(part).as_os_str(),
        ])?;
    }
    this.container.stop()
}
