//! Updates on a box: the worker asks a mirror on a link that dies, root verifies again, and a container, which has no slots, says so.

#![allow(clippy::disallowed_methods, reason = "a test's files")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use posto_release::identity::{Distro, ReleaseIdentity};
use posto_release::manifest::{FORMAT, FileEntry, Manifest, MinimumBox};
use posto_release::verity::VerityTarget;
use posto_tests::container::Container;
use posto_tests::mirror::Mirror;
use posto_tests::publisher::Publisher;
use posto_tests::{release, wait};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ground::{exposure, open_box, posto};

/// Some megabytes on this machine.
const FETCHED: Duration = Duration::from_secs(120);
/// Later than any image under test was built, seconds.
const LATER: u64 = 86_400;
/// Bytes of an image here.
const IMAGE_BYTES: usize = 3_000_000;

/// A release directory with small images; `seed` changes some bytes of each.
fn small_release(folder: &Path, name: &str, built: u64, seed: u8) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut files = BTreeMap::new();
    for file in ["root.erofs", "vmlinuz", "initrd.img"] {
        let mut state = 88_172_645_463_325_252_u64;
        let mut content: Vec<u8> = Vec::with_capacity(IMAGE_BYTES);
        while content.len() < IMAGE_BYTES {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            content.extend(state.to_le_bytes());
        }
        // What a patch carries: noise that the older one does not have.
        for byte in content.iter_mut().take(300_000 * usize::from(seed)) {
            *byte = byte.wrapping_mul(31).wrapping_add(seed);
        }
        let entry = FileEntry {
            sha256: Sha256::digest(&content).into(),
            bytes: content.len() as u64,
        };
        files.insert(file.to_owned(), entry);
        std::fs::write(folder.join(file), content)?;
    }
    let manifest = Manifest {
        format: FORMAT,
        identity: ReleaseIdentity {
            release: name.to_owned(),
            built,
            distro: Distro {
                name: "d".into(),
                version: "1".into(),
                stand_in: true,
            },
        },
        architecture: "x86_64".into(),
        files,
        verity: VerityTarget {
            data_blocks: 1,
            hash_start: 1,
            root_hash: [seed; 32],
            salt: vec![],
        },
        versions: [].into(),
        minimum_box: MinimumBox::default(),
    };
    std::fs::write(folder.join("manifest.json"), manifest.to_json()?)?;
    Ok(())
}

fn said(container: &Container) -> Result<Value> {
    let text = container.run(&["cat", "/var/lib/posto-update/said.json"])?;
    Ok(serde_json::from_str(&text)?)
}

#[test]
fn the_worker_brings_a_release_over_a_dying_link_and_root_verifies_it_again() -> Result<()> {
    let made = release::scratch()?;
    let manifest = std::fs::read(release::folder()?.join("manifest.json"))?;
    let running = Manifest::from_json(&manifest)?.identity;
    let (older, newer) = (made.path().join("older"), made.path().join("newer"));
    small_release(&older, &running.release, running.built, 0)?;
    small_release(&newer, "test-newer", running.built + LATER, 1)?;
    let publisher = Publisher::new(&made.path().join("repository"))?;
    publisher.publish(&newer, &[&older])?;

    let (_folder, container) = open_box("updates")?;
    for unit in ["posto-update", "posto-update-stick", "posto-update-stage"] {
        println!("{unit}: exposure {}", exposure(&container, unit)?);
    }
    let status = posto(&container, &["update", "status"])?;
    ensure!(status["takes_updates"] == true, "{status}");
    let mirror = Mirror::start(
        &format!("{}:0", container.host_address()),
        publisher.repository(),
    )?;
    let line = format!(
        "printf '\\n[releases]\\nmirrors = [\"http://{}:{}\"]\\n' >> /data/posto/facility.toml",
        container.host_address(),
        mirror.port()
    );
    container.run(&["sh", "-c", &line])?;

    let offered = posto(&container, &["update", "check"])?;
    ensure!(
        offered["found"]["kind"] == "offered" && offered["found"]["patch"] == true,
        "{offered}"
    );
    let bytes = offered["all_bytes"].as_u64().context("bytes")?;
    ensure!(mirror.sent() < 20_000, "lists: {} bytes", mirror.sent());

    // Each connection carries 200 kB, and after half of it the link is dead for good.
    mirror.die(200_000, bytes / 2);
    let before = mirror.sent();
    let fetched = std::thread::scope(|scope| {
        let fetching = scope.spawn(|| container.ask(&["posto", "update", "fetch", "--json"]));
        let dead = wait::until("the end of the link", FETCHED, || {
            Ok((mirror.sent() - before >= bytes / 2).then_some(()))
        });
        // It would wait for the link for a quarter of an hour.
        let stopped = container.run(&["systemctl", "stop", "posto-update.service"]);
        let fetched = fetching
            .join()
            .map_err(|_| anyhow::anyhow!("the command"))?;
        dead?;
        stopped?;
        fetched
    })?;
    ensure!(fetched.code == 1, "{fetched:?}");
    let half = said(&container)?;
    let live = container.run(&["cat", "/run/posto-update/said.json"])?;
    let live: Value = serde_json::from_str(&live)?;
    let have = live["have_bytes"].as_u64().unwrap_or_default();
    ensure!(
        half["step"] == "failed" && have > 0 && have < bytes,
        "{half}"
    );

    mirror.die(200_000, u64::MAX);
    let fetched = container.ask(&["posto", "update", "fetch", "--json"])?;
    let whole = said(&container)?;
    ensure!(whole["step"] == "fetched", "{whole}");
    let cost = mirror.sent() - before;
    println!(
        "a patch of {bytes} bytes came over connections that die after 200,000, in two runs: {cost} bytes of bodies, lists twice included; \
         the ledger says {} with questions",
        whole["paid_bytes"]
    );
    ensure!(
        cost < bytes + bytes / 10,
        "{cost} bytes for a patch of {bytes}"
    );
    // Verified by root, and no slot to put it into.
    ensure!(
        fetched.code == 1 && fetched.out.contains("no slots"),
        "{fetched:?}"
    );

    // What a technician sees of the same as a stick; then one byte of the worker's patch is another.
    let stick = "/var/lib/posto-update/repository";
    let verified = container.ask(&["posto", "update", "verify", stick])?;
    ensure!(verified.code == 0, "{verified:?}");
    println!("{}", verified.out);
    let flip = format!(
        "f=$(find {stick} -name '*.{}.patch'); printf x | dd of=$f bs=1 seek=9000 conv=notrunc 2>&1; rm -f /data/posto/patches/*",
        running.release
    );
    container.run(&["sh", "-c", &flip])?;
    let verified = container.ask(&["posto", "update", "verify", stick])?;
    ensure!(verified.code == 1, "{verified:?}");
    let staged = container.ask(&["systemctl", "start", "posto-update-stage.service"])?;
    ensure!(staged.code != 0, "{staged:?}");
    let events = container.run(&["posto", "events", "--json"])?;
    ensure!(events.contains("update-not-staged"), "{events}");
    Ok(())
}
