//! Two boxes share no secret.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use posto_tests::command::run;
use posto_tests::container::Container;
use posto_tests::release;

use crate::ground::{OPEN_BOUND, another, installed, options};

#[test]
fn two_boxes_share_no_secret() -> Result<()> {
    let folder = release::scratch()?;
    let mut seen: Vec<BTreeMap<String, String>> = Vec::new();
    for copy in [installed, another] {
        let data = copy(&folder.path().join(format!("{}.xfs", seen.len())))?;
        let mut container = Container::start(&options(data.path())?)?;
        container.wait_open(OPEN_BOUND)?;
        let accounts = container.run(&[
            "mariadb",
            "-N",
            "-B",
            "-e",
            "select user, host, json_value(priv,'$.authentication_string') from mysql.global_priv",
        ])?;
        let users = container.run(&[
            "mariadb",
            "-N",
            "-B",
            "-e",
            "select username, password, salt from openmrs.users where password is not null",
        ])?;
        container.stop()?;
        let mut contents = data.change(|at| {
            let mut contents = BTreeMap::new();
            let list = run(&[
                "find",
                at,
                "-type",
                "f",
                "-size",
                "-64k",
                "-not",
                "-path",
                "*/live/database/*",
                "-not",
                "-path",
                "*/var/*",
            ])?;
            for file in list.lines() {
                contents.insert(
                    file.trim_start_matches(at).to_owned(),
                    run(&["sha256sum", file])?[..64].to_owned(),
                );
            }
            Ok(contents)
        })?;
        for (kind, text) in [("account", &accounts), ("user", &users)] {
            for (i, secret) in text
                .split_whitespace()
                .filter(|word| word.len() > 20)
                .enumerate()
            {
                contents.insert(format!("{kind} secret {i}"), secret.to_owned());
            }
        }
        seen.push(contents);
    }
    let (one, two) = (&seen[0], &seen[1]);
    let shared: Vec<&String> = one
        .iter()
        .filter(|(_, value)| two.values().any(|other| other == *value))
        .map(|(name, _)| name)
        .collect();
    println!(
        "small files and stored secrets: {}; the same on both boxes: {shared:?}",
        one.len()
    );
    for must_differ in [
        "/secrets/openmrs-db-password",
        "/secrets/openmrs-admin-password",
        "/secrets/tls/key.pem",
        "/secrets/technician-code",
        "/secrets/technician-code.hash",
        "/posto/machine-id",
        "/live/openmrs/openmrs-runtime.properties",
    ] {
        ensure!(one.contains_key(must_differ), "{must_differ} is not there");
        ensure!(
            !shared.iter().any(|name| *name == must_differ),
            "{must_differ} is the same on two boxes"
        );
    }
    let secret_like = |name: &&&String| {
        name.contains("/secrets/")
            || name.contains(" secret ")
            || name.ends_with(".properties") && !name.contains("/configuration/")
    };
    let leaked: Vec<&&String> = shared.iter().filter(secret_like).collect();
    ensure!(leaked.is_empty(), "{leaked:?}");
    Ok(())
}
