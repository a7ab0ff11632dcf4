//! Small releases and slots for tests, also those of power cuts (tests/tests/update_cuts).

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use posto_release::identity::{Distro, ReleaseIdentity};
use posto_release::manifest::{FORMAT, FileEntry, Manifest, MinimumBox, ROOT};
use posto_release::slot_env::{INITRD, KERNEL, SUMS};
use posto_release::verity::{self, BLOCK_BYTES, VerityTarget, tree};
use sha2::{Digest, Sha256};

use super::slot::{Slot, said};

pub(super) const BLOCKS: u64 = 300;

pub(super) struct Release {
    pub(super) root: Vec<u8>,
    pub(super) kernel: Vec<u8>,
    pub(super) initrd: Vec<u8>,
    pub(super) manifest: Manifest,
}

pub(super) fn release(name: &str, seed: u8) -> Release {
    let root: Vec<u8> = (0..BLOCKS * BLOCK_BYTES as u64)
        .map(|at| (at / 700).to_le_bytes()[0] ^ seed)
        .collect();
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&root, 0).unwrap();
    let tree = tree(&file, BLOCKS, &[seed]).unwrap();
    let (kernel, initrd) = (vec![seed; 70_000], vec![seed ^ 0xff; 30_000]);
    let entry = |content: &[u8]| FileEntry {
        sha256: Sha256::digest(content).into(),
        bytes: content.len() as u64,
    };
    let manifest = Manifest {
        format: FORMAT,
        identity: ReleaseIdentity {
            release: name.to_owned(),
            built: 1,
            distro: Distro {
                name: "d".to_owned(),
                version: "1".to_owned(),
                stand_in: true,
            },
        },
        architecture: "x86_64".to_owned(),
        files: BTreeMap::from([
            (ROOT.to_owned(), entry(&root)),
            (KERNEL.to_owned(), entry(&kernel)),
            (INITRD.to_owned(), entry(&initrd)),
        ]),
        verity: VerityTarget {
            data_blocks: BLOCKS,
            hash_start: BLOCKS,
            root_hash: tree.root_hash,
            salt: vec![seed],
        },
        versions: BTreeMap::new(),
        minimum_box: MinimumBox::default(),
    };
    Release {
        root,
        kernel,
        initrd,
        manifest,
    }
}

pub(super) struct Ground {
    pub(super) folder: tempfile::TempDir,
    pub(super) slot: Slot,
}

pub(super) fn ground(blocks: u64) -> Ground {
    let folder = tempfile::tempdir().unwrap();
    let slot = Slot {
        root: folder.path().join("root"),
        boot: folder.path().join("boot"),
    };
    std::fs::create_dir(&slot.boot).unwrap();
    let root = File::create(&slot.root).unwrap();
    root.set_len(blocks * BLOCK_BYTES as u64).unwrap();
    Ground { folder, slot }
}

pub(super) const ROOM: u64 = BLOCKS + 10;

/// Whether what the slot says of itself is true. An empty one says nothing.
pub(super) fn tells_the_truth(slot: &Slot) -> bool {
    let Some(env) = said(slot).unwrap() else {
        return true;
    };
    let root = File::open(&slot.root).unwrap();
    let sums = std::fs::read_to_string(slot.boot.join(SUMS)).unwrap_or_default();
    let right = |line: &str| {
        let (hash, name) = line.split_once("  ")?;
        let content = std::fs::read(slot.boot.join(name)).ok()?;
        (hash == hex::encode(Sha256::digest(content))).then_some(())
    };
    sums.lines().count() == 3
        && sums.lines().all(|line| right(line).is_some())
        && verity::verify(&root, &env.verity).is_ok()
}
