//! The release directory: root, hash tree, kernel, initrd, disk image, SBOM, sizes, and last of all the manifest.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use posto_release::identity::ReleaseIdentity;
use posto_release::kernel_line::ReleaseName;
use posto_release::manifest::{FORMAT, FileEntry, Manifest, MinimumBox, ROOT};
use posto_release::slot_env::SlotEnv;
use posto_release::table::Guids;
use posto_release::verity::VerityTarget;

use crate::boot::bootslot::{self, BootFiles};
use crate::boot::disk::{self, DiskParts};
use crate::boot::{grub, initrd};
use crate::cache::{Cache, Key};
use crate::debian::lock::PackageLock;
use crate::place::{self, PlaceError};
use crate::process::Program;
use crate::progress::Progress;
use crate::sbom::{self, Ingredients};
use crate::sizes::Sizes;
use crate::tools::ToolsRoot;
use crate::web::Web;

/// Everything that the release directory is made from.
pub struct Parts<'a> {
    /// The cache.
    pub cache: &'a Cache,
    /// The tools root.
    pub tools: &'a ToolsRoot,
    /// The packages.
    pub lock: &'a PackageLock,
    /// The release.
    pub identity: &'a ReleaseIdentity,
    /// How the root is verified.
    pub verity: &'a VerityTarget,
    /// Folder with root.erofs, root.verity, sizes.json.
    pub root_dir: &'a Path,
    /// The root's kernel modules.
    pub modules: &'a Path,
    /// The kernel.
    pub vmlinuz: &'a Path,
    /// posto-init; without it neither initrd nor disk image are made.
    pub init: Option<&'a Path>,
    /// The Java side.
    pub web: &'a Web,
    /// Version of OpenMRS, when the distro says so.
    pub openmrs_version: Option<String>,
    /// Text of Cargo.lock.
    pub cargo_lock: &'a str,
}

/// Changes when the code here or below `boot/` changes what it makes.
const BOOT_REVISION: u32 = 1;
/// Written last: a directory without it is not a whole release.
const MANIFEST: &str = "manifest.json";
const DISK: &str = "disk.img";
const FILES: [&str; 12] = [
    MANIFEST,
    ROOT,
    "root.verity",
    "vmlinuz",
    "initrd.img",
    "slot.env",
    "sums",
    DISK,
    "release.json",
    "sbom.cdx.json",
    "sizes.json",
    "sizes.txt",
];
const KERNEL_LIMIT_BYTES: u64 = 64 << 20;
const REPORT_LIMIT_BYTES: u64 = 16 << 20;

/// Makes what is missing and writes the directory `out`.
///
/// # Errors
/// When a part cannot be made, does not fit its slot, or the directory cannot be written.
pub fn publish(parts: &Parts<'_>, out: &Path, progress: &mut Progress) -> Result<()> {
    let boot = match parts.init {
        Some(init) => {
            let step = progress.step("initrd and disk image");
            let boot = boot_stage(parts, init, |what| step.at(what))?;
            progress.done(step, "");
            Some(boot)
        }
        None => None,
    };
    let step = progress.step("release directory");
    place::folder(out)?;
    // The manifest goes first and comes last, so that a half-written directory cannot pass for a release.
    for name in FILES {
        place::gone(&out.join(name))?;
    }
    let copy = |from: &Path, name: &str| -> Result<()> {
        let to = out.join(name);
        // Sparse: the disk image is mostly holes.
        Program::new("cp")
            .args(["--reflink=auto", "--sparse=always", "--no-preserve=all"])
            .arg(from)
            .arg(&to)
            .run()?;
        Ok(place::set_mode(&to, 0o644)?)
    };
    for name in [ROOT, "root.verity"] {
        copy(&parts.root_dir.join(name), name)?;
    }
    copy(parts.vmlinuz, "vmlinuz")?;
    if let Some(boot) = &boot {
        for name in ["initrd.img", "slot.env", "sums", DISK] {
            step.at(name);
            copy(&boot.join(name), name)?;
        }
    }
    place::whole(&out.join("release.json"), &parts.identity.to_json()?)?;
    let built = jiff::Timestamp::from_second(parts.identity.built.try_into()?)?.to_string();
    let sbom = sbom::make(&Ingredients {
        release: &parts.identity.release,
        built,
        debian: &parts.lock.root,
        maven: &parts.web.pins,
        web: &parts.web.dir,
        cargo_lock: parts.cargo_lock,
    })?;
    place::whole(&out.join("sbom.cdx.json"), &pretty(&sbom)?)?;
    report_sizes(parts, out)?;
    step.at("checksums");
    let manifest = manifest(parts, out)?;
    place::whole(&out.join(MANIFEST), &manifest.to_json()?)?;
    progress.done(step, "");
    Ok(())
}

fn pretty(value: &impl serde::Serialize) -> Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

fn boot_stage(
    parts: &Parts<'_>,
    init: &Path,
    mut say: impl FnMut(&str),
) -> Result<std::path::PathBuf> {
    let release = &parts.identity.release;
    let key = Key::new("boot", BOOT_REVISION)
        .with(
            "root",
            parts
                .root_dir
                .file_name()
                .unwrap_or_default()
                .as_encoded_bytes(),
        )
        .with("verity", parts.verity.to_string().as_bytes())
        .with("init", place::sha256(init)?.1.as_bytes())
        .with("grub.cfg", grub::SCRIPT.as_bytes())
        .with(
            "tools",
            parts
                .tools
                .path()
                .parent()
                .and_then(Path::file_name)
                .unwrap_or_default()
                .as_encoded_bytes(),
        );
    let made = parts
        .cache
        .stage("boot", &key, |dir| -> Result<(), BootFailed> {
            let work = parts.cache.work("boot-work")?;
            say("initrd");
            let initrd = initrd::build(init, parts.modules).map_err(anyhow::Error::from)?;
            let kernel =
                std::fs::read(parts.vmlinuz).map_err(place::at("cannot read", parts.vmlinuz))?;
            if kernel.len() as u64 > KERNEL_LIMIT_BYTES {
                return Err(BootFailed(anyhow::anyhow!(
                    "the kernel has {} bytes, more than {KERNEL_LIMIT_BYTES}",
                    kernel.len()
                )));
            }
            let name = ReleaseName::parse(release).map_err(anyhow::Error::from)?;
            let slot_env = bootslot::slot_env(&SlotEnv {
                release: name,
                verity: parts.verity.clone(),
            })
            .map_err(anyhow::Error::from)?;
            let files = BootFiles {
                kernel: &kernel,
                initrd: &initrd,
                slot_env: &slot_env,
            };
            place::whole(&dir.join("initrd.img"), &initrd)?;
            place::whole(&dir.join("slot.env"), &slot_env)?;
            place::whole(&dir.join("sums"), files.sums().as_bytes())?;
            say("boot partition");
            bootslot::build(parts.tools, &files, &work).map_err(anyhow::Error::from)?;
            say("GRUB");
            let grub = grub::build(parts.tools, &work).map_err(anyhow::Error::from)?;
            grub::esp(parts.tools, &grub, &work).map_err(anyhow::Error::from)?;
            say("disk image");
            let root = work.join("root.img");
            join(
                &[
                    &parts.root_dir.join(ROOT),
                    &parts.root_dir.join("root.verity"),
                ],
                &root,
            )?;
            let disk_parts = DiskParts {
                grub: &grub,
                esp: &work.join("esp.img"),
                boot: &work.join("boot.img"),
                root: &root,
            };
            // Randomised again at install, so that two boxes' disks in one machine are told apart.
            disk::write(&dir.join(DISK), &disk_parts, &Guids::derived_from(release))
                .map_err(anyhow::Error::from)?;
            Ok(place::gone(&work)?)
        });
    made.map_err(|BootFailed(error)| error)
}

/// An error of the stage that is not made of one module's errors.
struct BootFailed(anyhow::Error);

impl From<PlaceError> for BootFailed {
    fn from(error: PlaceError) -> Self {
        Self(error.into())
    }
}

impl From<anyhow::Error> for BootFailed {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

fn join(files: &[&Path], to: &Path) -> Result<(), PlaceError> {
    let mut out = std::fs::File::create(to).map_err(place::at("cannot write", to))?;
    for file in files {
        let mut from = std::fs::File::open(file).map_err(place::at("cannot read", file))?;
        io::copy(&mut from, &mut out).map_err(place::at("cannot write", to))?;
    }
    Ok(())
}

fn report_sizes(parts: &Parts<'_>, out: &Path) -> Result<()> {
    let text = place::text(&parts.root_dir.join("sizes.json"), REPORT_LIMIT_BYTES)?;
    let mut sizes: Sizes = serde_json::from_str(&text)?;
    for name in FILES {
        let path = out.join(name);
        if path.exists() && !name.starts_with("sizes") && name != DISK {
            let bytes = path
                .metadata()
                .with_context(|| format!("cannot read {}", path.display()))?
                .len();
            sizes.release.insert(name.to_owned(), bytes);
        }
    }
    place::whole(&out.join("sizes.json"), &pretty(&sizes)?)?;
    Ok(place::whole(
        &out.join("sizes.txt"),
        sizes.text().as_bytes(),
    )?)
}

fn manifest(parts: &Parts<'_>, out: &Path) -> Result<Manifest> {
    let mut files = BTreeMap::new();
    for name in FILES {
        let path = out.join(name);
        // The disk image is these same files in their places, and 9 GB of holes that would have to be hashed.
        if path.exists() && name != MANIFEST && name != DISK {
            let (bytes, hash) = place::sha256(&path)?;
            let mut sha256 = [0; 32];
            hex::decode_to_slice(&hash, &mut sha256)?;
            files.insert(name.to_owned(), FileEntry { sha256, bytes });
        }
    }
    let debian = |package: &str| {
        parts
            .lock
            .root
            .get(package)
            .map(|locked| locked.version.clone())
    };
    let mut versions = BTreeMap::from([("tomcat".to_owned(), version_of(crate::web::TOMCAT))]);
    for (name, version) in [
        (
            "kernel",
            Some(place::text(&parts.root_dir.join("kernel-version"), 256)?),
        ),
        ("systemd", debian("systemd")),
        ("mariadb", debian("mariadb-server-core")),
        ("java", debian("openjdk-21-jre-headless")),
        ("nginx", debian("nginx")),
        ("openmrs", parts.openmrs_version.clone()),
    ] {
        if let Some(version) = version {
            versions.insert(name.to_owned(), version);
        }
    }
    Ok(Manifest {
        format: FORMAT,
        identity: parts.identity.clone(),
        architecture: "x86_64".to_owned(),
        files,
        verity: parts.verity.clone(),
        versions,
        minimum_box: MinimumBox::default(),
    })
}

fn version_of(coordinate: &str) -> String {
    coordinate.split(':').nth(2).unwrap_or_default().to_owned()
}
