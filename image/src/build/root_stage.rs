//! The release's root: everything laid over the Debian root, as an image with its hash tree.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use posto_release::identity::{Distro, ReleaseIdentity};
use posto_release::verity::VerityTarget;

use super::ground::Ground;
use crate::cache::Key;
use crate::distro::source::Given;
use crate::erofs::{self, ErofsError};
use crate::place;
use crate::process::Program;
use crate::root::assemble::{self, Layers};
use crate::sizes;
use crate::stages::Bare;
use crate::web::Web;

/// Changes when the assembly's code changes what it makes.
const ROOT_REVISION: u32 = 3;

/// The publisher's root. Whether its signatures are good the box finds out; what is no root at all is refused here.
pub(super) fn trusted_root(path: &Path) -> Result<Vec<u8>> {
    let text = place::text(path, 64 * 1024)?;
    let value: serde_json::Value =
        serde_json::from_str(&text).with_context(|| format!("{}: not JSON", path.display()))?;
    let kind = value
        .pointer("/signed/_type")
        .and_then(|kind| kind.as_str());
    anyhow::ensure!(
        kind == Some("root"),
        "{}: not a root of posto-sign (root/N.root.json of the ceremony)",
        path.display()
    );
    Ok(text.into_bytes())
}

/// What was asked for by name.
pub(super) struct Asked<'a> {
    /// The release's name; `None`: by date and content.
    pub(super) release: Option<&'a str>,
    /// The publisher's root.
    pub(super) trusted_root: Option<&'a [u8]>,
}

/// The release's root as an image, its hash tree and its sizes.
pub(super) struct RootStage {
    pub(super) dir: PathBuf,
    pub(super) identity: ReleaseIdentity,
    pub(super) verity: VerityTarget,
}

pub(super) fn root_stage(
    ground: &Ground,
    asked: &Asked<'_>,
    given: &Given,
    bare: &Bare,
    web: &Web,
    programs: assemble::Programs<'_>,
    mut say: impl FnMut(&str),
) -> Result<RootStage> {
    let overlay = ground.source.path("image/root");
    let (name, version, stand_in) = given.identity();
    let mut key = Key::new("root", ROOT_REVISION)
        .with(
            "bare",
            bare.root()
                .parent()
                .and_then(Path::file_name)
                .unwrap_or_default()
                .as_encoded_bytes(),
        )
        .with(
            "web",
            web.dir.file_name().unwrap_or_default().as_encoded_bytes(),
        )
        .with("overlay", place::tree_sha256(&overlay)?.as_bytes())
        .with(
            "distro",
            format!("{name}\n{version}\n{stand_in}").as_bytes(),
        )
        .with("epoch", ground.lock.epoch.to_string().as_bytes());
    for (name, program) in [
        ("posto", programs.posto),
        ("posto-door", programs.door),
        ("posto-watch", programs.watch),
    ] {
        if let Some(program) = program {
            key = key.with(name, place::sha256(program)?.1.as_bytes());
        }
    }
    if let Some(trusted) = asked.trusted_root {
        key = key.with("trusted root", trusted);
    }
    let content = key.hex();
    let date = jiff::Timestamp::from_second(ground.lock.epoch.try_into()?)?
        .strftime("%Y.%m.%d")
        .to_string();
    let release = asked.release.map_or_else(
        || format!("{date}-{}", content.get(..8).unwrap_or(&content)),
        str::to_owned,
    );
    posto_release::kernel_line::ReleaseName::parse(&release)?;
    let identity = ReleaseIdentity {
        release: release.clone(),
        built: ground.lock.epoch,
        distro: Distro {
            name,
            version,
            stand_in,
        },
    };
    let key = key.with("release", release.as_bytes());
    let dir = ground
        .cache
        .stage("root", &key, |dir| -> Result<(), StageFailed> {
            say("copying");
            Program::new("cp")
                .args(["-a", "--reflink=auto"])
                .arg(bare.root())
                .arg(dir)
                .run()
                .map_err(anyhow::Error::from)?;
            let root = dir.join("root");
            let sub = |name: &str| Some(web.dir.join(name)).filter(|path| path.is_dir());
            let (tomcat, webapp, distribution) =
                (sub("tomcat"), sub("webapp"), sub("distribution"));
            let layers = Layers {
                overlay: &overlay,
                programs,
                tomcat: tomcat.as_deref(),
                webapp: webapp.as_deref(),
                distribution: distribution.as_deref(),
                identity: &identity.to_json().map_err(anyhow::Error::from)?,
                trusted_root: asked.trusted_root,
                release: &release,
                epoch: ground.lock.epoch,
            };
            assemble::assemble(&root, &layers).map_err(anyhow::Error::from)?;
            say("measuring");
            let sizes = sizes::measure(&root, &bare.owners())?;
            place::whole(
                &dir.join("sizes.json"),
                &serde_json::to_vec_pretty(&sizes).map_err(anyhow::Error::from)?,
            )?;
            say("mkfs.erofs");
            erofs::make(&ground.tools, dir, &release)?;
            say("hash tree");
            let slot_bytes = posto_release::layout::ROOT_A.size_bytes();
            let verity = erofs::seal(&ground.tools, dir, &release, slot_bytes)?;
            place::whole(&dir.join("verity"), verity.to_string().as_bytes())?;
            // The initrd takes its modules from here; the rest of the tree is in the image.
            let version =
                crate::root::modules::kernel_version(&root).map_err(anyhow::Error::from)?;
            place::whole(&dir.join("kernel-version"), version.as_bytes())?;
            place::rename(
                &root.join("usr/lib/modules").join(&version),
                &dir.join("modules"),
            )?;
            Ok(place::gone(&root)?)
        });
    let dir = dir.map_err(|StageFailed(error)| error)?;
    let verity = place::text(&dir.join("verity"), 4096)?;
    let verity = VerityTarget::parse(&verity)
        .context("the cache's hash tree description is damaged: remove the cache")?;
    Ok(RootStage {
        dir,
        identity,
        verity,
    })
}

/// An error of a stage that is not made of one module's errors.
struct StageFailed(anyhow::Error);

impl From<place::PlaceError> for StageFailed {
    fn from(error: place::PlaceError) -> Self {
        Self(error.into())
    }
}

impl From<anyhow::Error> for StageFailed {
    fn from(error: anyhow::Error) -> Self {
        Self(error)
    }
}

impl From<ErofsError> for StageFailed {
    fn from(error: ErofsError) -> Self {
        Self(error.into())
    }
}
