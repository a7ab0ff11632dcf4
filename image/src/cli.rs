//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Builds the image of a health facility's OpenMRS server.
#[derive(Debug, Parser)]
#[command(name = "posto-image", version, about, max_term_width = 110, after_help = AFTER)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

const AFTER: &str = "\
Examples:
  posto-image build --out out                                     the stand-in web application (nothing else is needed)
  posto-image build --distro image/distros/platform-2.8.9 --out out    OpenMRS itself, from its public Maven repository
  posto-image build --distro /media/usb/my-distro --out out       a folder with openmrs_core/, openmrs_modules/, ...
  posto-image build --war openmrs.war --out out                   just this web application
  posto-image patch out/new --from out/old --out patch            what boxes that run the old release download
  posto-image sizes out                                           what takes the megabytes";

/// Commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Build a release directory: root, verity tree, kernel, initrd, disk image, manifest, SBOM, sizes
    Build(Box<BuildArgs>),
    /// Make the patch that brings a box from one release to another; without --from, the whole release in the same frames
    Patch(PatchArgs),
    /// Show what takes the megabytes of a release
    Sizes {
        /// The release directory
        release: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the tools root (GRUB, mkfs.erofs, veritysetup ...) and print where it is
    Tools(Common),
}

/// Where things are.
#[derive(Debug, Clone, Args)]
pub struct Common {
    /// Cache of everything that can be made again [default: $XDG_CACHE_HOME/posto or ~/.cache/posto]
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
    /// Debian packages, kept by hash: what a locked build needs when the mirror has moved on [default: <cache>/pool]
    #[arg(long, value_name = "DIR")]
    pub pool: Option<PathBuf>,
    /// The project's sources (the folder that holds image/packages.toml) [default: found from here upwards]
    #[arg(long, value_name = "DIR")]
    pub source: Option<PathBuf>,
}

/// `posto-image patch`.
#[derive(Debug, Clone, Args)]
pub struct PatchArgs {
    /// The release directory that boxes shall have
    pub release: PathBuf,
    /// The release directory that they run
    #[arg(long, value_name = "DIR")]
    pub from: Option<PathBuf>,
    /// The patch's file; what stood there is replaced
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
}

/// `posto-image build`.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// A distro: a folder (openmrs_core/openmrs.war, openmrs_modules/*.omod, ...) or an openmrs-distro.properties file
    /// [default: the stand-in, tests/standin/target/distro]
    #[arg(long, value_name = "DIR|FILE", conflicts_with = "war")]
    pub distro: Option<PathBuf>,
    /// A web application alone, without modules
    #[arg(long, value_name = "FILE")]
    pub war: Option<PathBuf>,
    /// Where the release directory is made; what a former build put there is replaced
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// Folder with the programs posto and posto-init [default: this program's own, else
    /// target/x86_64-unknown-linux-gnu/release]
    #[arg(long, value_name = "DIR")]
    pub programs: Option<PathBuf>,
    /// Name of the release [default: from the build's date and what is in it]
    #[arg(long, value_name = "ID")]
    pub release: Option<String>,
    /// Files of artifacts that Maven cannot reach, looked at first (any depth; told by their name or hash)
    #[arg(long, value_name = "DIR")]
    pub artifacts: Option<PathBuf>,
    /// The only time (unix seconds) that gets into the image [default: the date in packages.lock]
    #[arg(long, value_name = "SECONDS")]
    pub epoch: Option<u64>,
    /// Take today's package and artifact versions into the locks, then build
    #[arg(long)]
    pub update_lock: bool,
    /// With --update-lock: only the suite as it was released, no updates, no security: the older half of a pair to measure patches
    /// on. Keep it in a lock of its own (--lock)
    #[arg(long, requires_all = ["update_lock", "lock"])]
    pub without_updates: bool,
    /// The lock of exact packages [default: image/packages.lock]
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// The publisher's newest root (N.root.json of posto-sign's ceremony): what the box verifies new releases by. Without it the
    /// image takes no updates
    #[arg(long, value_name = "FILE")]
    pub trusted_root: Option<PathBuf>,
    /// Build a root without the posto program (for trying the rest)
    #[arg(long, hide = true)]
    pub without_programs: bool,
    /// Leave out the disk image (and initrd): root, verity tree and kernel only
    #[arg(long)]
    pub no_disk: bool,
    /// Say what would be done, do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// At the end, print the release as JSON on stdout
    #[arg(long)]
    pub json: bool,
    /// No progress
    #[arg(long, short)]
    pub quiet: bool,
    /// Where things are.
    #[command(flatten)]
    pub common: Common,
}
