//! The initrd: posto-init as `/init`, kernel modules, and the order in which to load them. Nothing else: no shell.

use std::io::Write;
use std::path::Path;

use cpio::newc::Builder as NewcBuilder;

use super::modules::ModuleTree;
use super::{BootError, io, sparse};

/// Largest module or program taken, bytes.
const FILE_LIMIT_BYTES: u64 = 64 * 1024 * 1024;
/// Lists of modules are about 700 KB.
const LIST_LIMIT_BYTES: u64 = 16 * 1024 * 1024;
/// The same compression always: another level gives other bytes. Decompressing is equally fast at all levels.
const ZSTD_LEVEL: i32 = 19;

const DIRECTORY: u32 = 0o040_755;
const FILE: u32 = 0o100_644;
const PROGRAM: u32 = 0o100_755;

struct Archive {
    bytes: Vec<u8>,
    inode: u32,
}

impl Archive {
    fn add(&mut self, name: &str, mode: u32, contents: &[u8]) -> std::io::Result<()> {
        self.inode += 1;
        let header = NewcBuilder::new(name)
            .ino(self.inode)
            .nlink(1)
            .mode(mode)
            .uid(0)
            .gid(0)
            .mtime(0);
        let mut writer = header.write(
            &mut self.bytes,
            u32::try_from(contents.len()).unwrap_or(u32::MAX),
        );
        writer.write_all(contents)?;
        writer.finish()?;
        Ok(())
    }
}

/// Builds the initrd from `init` (posto-init, static) and the modules below `modules`
/// (`<root>/usr/lib/modules/<version>`), which must not be compressed.
///
/// # Errors
/// When a file is missing, or a module that every box needs is not in the root.
pub fn build(init: &Path, modules: &Path) -> Result<Vec<u8>, BootError> {
    let list = |name: &str| -> Result<String, BootError> {
        Ok(
            String::from_utf8_lossy(&sparse::read(&modules.join(name), LIST_LIMIT_BYTES)?)
                .into_owned(),
        )
    };
    let chosen = ModuleTree::parse(&list("modules.dep")?, &list("modules.builtin")?).choose()?;
    let mut archive = Archive {
        bytes: Vec::new(),
        inode: 0,
    };
    let mut add = |name: &str, mode: u32, contents: &[u8]| {
        archive
            .add(name, mode, contents)
            .map_err(io(init, "written"))
    };
    for directory in ["dev", "proc", "sys", "root", "modules"] {
        add(directory, DIRECTORY, b"")?;
    }
    add("init", PROGRAM, &sparse::read(init, FILE_LIMIT_BYTES)?)?;
    let mut order = String::new();
    for path in chosen {
        let file = path.rsplit('/').next().unwrap_or(&path);
        add(
            &format!("modules/{file}"),
            FILE,
            &sparse::read(&modules.join(&path), FILE_LIMIT_BYTES)?,
        )?;
        order += file;
        order.push('\n');
    }
    add("modules/order", FILE, order.as_bytes())?;
    let bytes = cpio::newc::trailer(archive.bytes).map_err(io(init, "written"))?;
    zstd::encode_all(bytes.as_slice(), ZSTD_LEVEL).map_err(io(init, "written"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_inputs_give_the_same_initrd_with_the_load_order_in_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        sparse::create(&path("init"), b"program").unwrap();
        sparse::create(&path("b.ko"), b"module b").unwrap();
        sparse::create(&path("dm-verity.ko"), b"module verity").unwrap();
        sparse::create(&path("modules.dep"), b"dm-verity.ko: b.ko\nb.ko:\n").unwrap();
        let builtin = "k/dm-mod.ko\nk/erofs.ko\nk/xfs.ko\nk/sd_mod.ko\nk/ahci.ko\nk/nvme.ko\nk/xhci-pci.ko\nk/usb-storage.ko\nk/virtio_blk.ko\n";
        sparse::create(&path("modules.builtin"), builtin.as_bytes()).unwrap();
        let one = build(&path("init"), folder.path()).unwrap();
        assert_eq!(one, build(&path("init"), folder.path()).unwrap());
        let plain = zstd::decode_all(one.as_slice()).unwrap();
        let order = b"b.ko\ndm-verity.ko\n";
        assert!(plain.windows(order.len()).any(|window| window == order));
    }
}
