//! Which kernel modules the initrd carries: what finds a facility box's disk, and what its root and data need.

use std::collections::BTreeMap;

use super::BootError;

/// A module that is wanted, and whether a root without it is refused.
const WANTED: &[(&str, bool)] = &[
    // Checksums of erofs and xfs, hashes of dm-verity: the kernel would ask modprobe for them, and the initrd has none.
    ("crc32c_generic", false),
    ("crc32c-intel", false),
    ("sha256_generic", false),
    ("sha256-ssse3", false),
    ("crct10dif-pclmul", false),
    // Root and data.
    ("dm-mod", true),
    ("dm-verity", true),
    ("erofs", true),
    ("xfs", true),
    // SATA: nearly every i3/i5 box; ata_piix for boards set to IDE mode.
    ("sd_mod", true),
    ("ahci", true),
    ("ata_piix", false),
    // NVMe, also behind Intel's VMD as the newer mini PCs have it by default.
    ("nvme", true),
    ("vmd", false),
    // eMMC and SD cards of small boxes.
    ("mmc_block", false),
    ("sdhci-pci", false),
    ("sdhci-acpi", false),
    ("rtsx_pci_sdmmc", false),
    // USB disks; the host controllers also give a keyboard to whoever stands before a box that does not start.
    ("xhci-pci", true),
    ("ehci-pci", false),
    ("ohci-pci", false),
    ("uhci-hcd", false),
    ("usb-storage", true),
    ("uas", false),
    ("usbhid", false),
    ("hid-generic", false),
    // Virtual machines: the tests, and offices that run Posto on one.
    ("virtio_pci", false),
    ("virtio_blk", true),
    ("virtio_scsi", false),
];

/// The root's module tree as depmod describes it.
#[derive(Debug)]
pub(super) struct ModuleTree {
    /// Normalised name -> (path below the modules folder, paths that it needs, nearest last).
    loadable: BTreeMap<String, (String, Vec<String>)>,
    builtin: Vec<String>,
}

/// `kernel/fs/xfs/xfs.ko.xz` -> `xfs`; `-` and `_` are the same to the kernel.
fn name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

impl ModuleTree {
    /// Reads modules.dep and modules.builtin.
    pub(super) fn parse(dep: &str, builtin: &str) -> Self {
        let loadable = dep
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(path, needs)| {
                (
                    name(path),
                    (
                        path.to_owned(),
                        needs.split_whitespace().map(str::to_owned).collect(),
                    ),
                )
            })
            .collect();
        Self {
            loadable,
            builtin: builtin.lines().map(name).collect(),
        }
    }

    /// Paths of the wanted modules with all that they need, in an order in which each can be loaded.
    pub(super) fn choose(&self) -> Result<Vec<String>, BootError> {
        let mut chosen: Vec<String> = Vec::new();
        for (wanted, needed) in WANTED {
            let normal = wanted.replace('-', "_");
            match self.loadable.get(&normal) {
                Some((path, needs)) => {
                    // modules.dep names what a module needs from the nearest to the farthest.
                    for one in needs.iter().rev().chain([path]) {
                        if !chosen.contains(one) {
                            chosen.push(one.clone());
                        }
                    }
                }
                None if *needed && !self.builtin.contains(&normal) => {
                    return Err(BootError::NoModule((*wanted).to_owned()));
                }
                None => {}
            }
        }
        Ok(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needed() -> String {
        let needed = WANTED.iter().filter(|(_, needed)| *needed);
        needed
            .map(|(name, _)| format!("kernel/{name}.ko\n"))
            .collect()
    }

    #[test]
    fn what_a_module_needs_comes_before_it_and_once() {
        let dep = "k/xfs.ko: k/libcrc32c.ko k/base.ko\nk/erofs.ko: k/libcrc32c.ko k/base.ko\n";
        let chosen = ModuleTree::parse(dep, &needed()).choose().unwrap();
        assert_eq!(
            chosen,
            ["k/base.ko", "k/libcrc32c.ko", "k/erofs.ko", "k/xfs.ko"]
        );
    }

    #[test]
    fn a_root_without_a_needed_module_is_refused_by_name() {
        let error = ModuleTree::parse("", &needed().replace("kernel/xfs.ko\n", ""))
            .choose()
            .unwrap_err();
        assert!(error.to_string().contains("module xfs,"), "{error}");
    }

    #[test]
    fn dashes_and_underscores_name_the_same_module() {
        assert_eq!(name("kernel/drivers/md/dm-verity.ko.xz"), "dm_verity");
    }
}
