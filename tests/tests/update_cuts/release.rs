//! Releases of a few hundred blocks.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use posto::update::slot::{Filling, Slot, SlotError};
use posto_release::identity::{Distro, ReleaseIdentity};
use posto_release::manifest::{FORMAT, FileEntry, Manifest, MinimumBox};
use posto_release::slot_env::{INITRD, KERNEL};
use posto_release::verity::{BLOCK_BYTES, VerityTarget, tree};
use sha2::{Digest, Sha256};

const BLOCKS: u64 = 300;
/// Room in the slot, bytes.
pub(crate) const SLOT_BYTES: u64 = (BLOCKS + 10) * BLOCK_BYTES as u64;
const FRAME_BYTES: usize = 256 << 10;

pub(crate) fn slot(at: &Path) -> Slot {
    Slot {
        root: at.join("root"),
        boot: at.join("boot"),
    }
}

/// Fills the slot below `at` with the release of this number, as frames come: in parts, each flushed.
pub(crate) fn stage(at: &Path, number: u8) -> Result<String, SlotError> {
    let root: Vec<u8> = (0..SLOT_BYTES - 10 * BLOCK_BYTES as u64)
        .map(|at| (at / 700).to_le_bytes()[0] ^ number)
        .collect();
    let (kernel, initrd) = (vec![number; 70_000], vec![number ^ 0xff; 30_000]);
    let name = format!("2026.11-{number}");
    let filling = Filling::begin(slot(at), manifest(&name, number, &root, &kernel, &initrd))?;
    for (part, number) in root.chunks(FRAME_BYTES).zip(0..) {
        filling
            .root()
            .write_all_at(part, number * FRAME_BYTES as u64)
            .unwrap();
        filling.root().sync_data().unwrap();
    }
    let staged = filling.finish(&mut &kernel[..], &mut &initrd[..])?;
    assert_eq!(staged.env().release.as_str(), name);
    Ok(name)
}

fn manifest(name: &str, salt: u8, root: &[u8], kernel: &[u8], initrd: &[u8]) -> Manifest {
    let entry = |content: &[u8]| FileEntry {
        sha256: Sha256::digest(content).into(),
        bytes: content.len() as u64,
    };
    let image: File = tempfile::tempfile().unwrap();
    image.write_all_at(root, 0).unwrap();
    Manifest {
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
            (KERNEL.to_owned(), entry(kernel)),
            (INITRD.to_owned(), entry(initrd)),
        ]),
        verity: VerityTarget {
            data_blocks: BLOCKS,
            hash_start: BLOCKS,
            root_hash: tree(&image, BLOCKS, &[salt]).unwrap().root_hash,
            salt: vec![salt],
        },
        versions: BTreeMap::new(),
        minimum_box: MinimumBox::default(),
    }
}
