//! `posto unit ...`: what the box's own units run. Not for people.

mod copy;
mod database;
mod power;
mod prove;
mod rebuild;
mod update;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use posto_release::layout;
use posto_release::slot::BootState;
use posto_release::slot_disk::SlotDisk;

use crate::alarms::{self, Source};
use crate::database::import::reading;
use crate::first_boot::{self, Tools};
use crate::guard::{self, Outcome};
use crate::guards::disk;
use crate::openmrs::{distribution, prepare};
use crate::places::Places;
use crate::snapshot::thin;
use crate::system::block::Disk;
use crate::system::clock;
use crate::system::durable::{self, Owner};
use crate::system::log::log;
use crate::system::memory;
use crate::system::namespace;
use crate::system::units::Units;
use crate::{door_certificate, facility, release, setup, sizing};
use crate::{read_ahead, ssh};

/// Which unit's work.
#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// posto-ping.service
    Ping,
    /// posto-first-boot.service
    FirstBoot,
    /// posto-guard.service
    Guard,
    /// posto-setup.service
    Setup,
    /// Before posto-console.service, as root: font and keyboard
    Screen,
    /// posto-session@.service
    Session {
        /// Which
        kind: super::session::Kind,
    },
    /// Before openmrs.service, as root
    OpenmrsPrepare,
    /// Part of openmrs-prepare, as openmrs
    OpenmrsLay,
    /// Before nginx.service, as root
    DoorCertificate,
    /// The confined reader of an import
    ReadDump {
        /// What to do, as JSON
        order: String,
    },
    /// posto-read-ahead.service
    ReadAhead,
    /// Before sshd, as root
    SshHostKey,
    /// Once the box is up, apart from the daemon's sandbox
    BootFinished,
    /// posto-boots.service starts
    BootBegun,
    /// posto-boots.service stops
    BootEnded,
    /// upsmon heard something, as nut
    UpsSays {
        /// In words, for people
        words: Option<String>,
    },
    /// Before mariadb.service is told to end
    DatabaseSettle,
    /// mariadb.service has ended
    DatabaseEnded,
    /// posto-ups-off.service
    UpsOff,
    /// posto-smart.service
    SmartAsk,
    /// posto-smart-read.service, as posto
    SmartRead,
    /// posto-snapshot.service
    SnapshotTake,
    /// posto-snapshot-thin.service
    SnapshotThin,
    /// posto-copy.service
    SnapshotCopy,
    /// posto-proof.service
    SnapshotProve,
    /// posto-rebuild.service
    DatabaseRebuild,
    /// posto-update.service, as posto-update
    UpdateWork {
        /// A repository in a folder, instead of the mirrors
        #[arg(long)]
        folder: Option<PathBuf>,
    },
    /// posto-update-stick.service
    UpdateStick,
    /// posto-update-stage.service
    UpdateStage,
    /// Java's heap was exhausted, as openmrs
    JavaHistogram {
        /// Java's process id
        pid: i32,
    },
    /// systemd.generator(7): drop-ins with sizes
    Generator {
        /// Where systemd wants them
        normal: PathBuf,
        /// Not used
        early: Option<PathBuf>,
        /// Not used
        late: Option<PathBuf>,
    },
}

/// Runs one unit's work.
///
/// # Errors
/// What failed; the alarm is raised, too.
pub(super) fn run(verb: &Verb) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    match verb {
        Verb::Ping => super::ping::run(&places).map(|()| ExitCode::SUCCESS),
        Verb::FirstBoot => first_boot(&places),
        Verb::Guard => guard(&places),
        Verb::Setup => {
            if let Some(alarm) = setup::run(&places)? {
                log(&format!("{}: {}", alarm.code, alarm.en));
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::Screen => {
            super::screen::prepare(&places);
            Ok(ExitCode::SUCCESS)
        }
        Verb::Session { kind } => super::session::run(*kind),
        Verb::OpenmrsPrepare => openmrs_prepare(&places),
        Verb::OpenmrsLay => {
            let release = release::identity(&places)?;
            let release = format!("{} {}", release.release, release.built);
            let laid = distribution::lay(&places.distribution(), &places.openmrs(), &release)?;
            log(&format!(
                "{} files of the distro laid, {} removed",
                laid.copied, laid.removed
            ));
            prepare::keep_migration_on(&places)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::DoorCertificate => {
            door_certificate::place(&places)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::ReadDump { order } => {
            reading::worker::run(&serde_json::from_str(order)?)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::ReadAhead => {
            let bytes = read_ahead::run(&places);
            log(&format!("{} MB read ahead", bytes / 1_000_000));
            Ok(ExitCode::SUCCESS)
        }
        Verb::SshHostKey => {
            ssh::make_host_key(&places)?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::BootFinished => {
            let state = Disk::of(&places.data())?.partition(&layout::STATE)?;
            let disk = SlotDisk::open(&state, 0)?;
            // A write less for every boot that was not counted (a trial, a rescue).
            if disk.read().w.is_some() {
                disk.write(&BootState::finish_boot())?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Verb::BootBegun => power::boot_begun(&places).map(|()| ExitCode::SUCCESS),
        Verb::BootEnded => power::boot_ended(&places).map(|()| ExitCode::SUCCESS),
        Verb::UpsSays { .. } => power::ups_says(&places).map(|()| ExitCode::SUCCESS),
        Verb::DatabaseSettle => database::settle(&places).map(|()| ExitCode::SUCCESS),
        Verb::DatabaseEnded => database::ended(&places).map(|()| ExitCode::SUCCESS),
        Verb::UpsOff => power::ups_off(&places).map(|()| ExitCode::SUCCESS),
        Verb::SmartAsk => power::smart_ask(&places).map(|()| ExitCode::SUCCESS),
        Verb::SmartRead => power::smart_read(&places).map(|()| ExitCode::SUCCESS),
        Verb::SnapshotProve => {
            super::wait_for(prove::run(&places))??;
            Ok(ExitCode::SUCCESS)
        }
        Verb::DatabaseRebuild => {
            super::wait_for(rebuild::run(&places))??;
            Ok(ExitCode::SUCCESS)
        }
        Verb::SnapshotThin => snapshot_thin(&places).map(|()| ExitCode::SUCCESS),
        Verb::SnapshotCopy => copy::run(&places).map(|()| ExitCode::SUCCESS),
        Verb::UpdateWork { folder } => {
            update::work(&places, folder.as_deref()).map(|()| ExitCode::SUCCESS)
        }
        Verb::UpdateStick => update::from_stick(&places).map(|()| ExitCode::SUCCESS),
        Verb::UpdateStage => update::stage(&places).map(|()| ExitCode::SUCCESS),
        Verb::SnapshotTake => super::snapshot::take::scheduled(&places),
        Verb::JavaHistogram { pid } => {
            power::java_histogram(&places, *pid).map(|()| ExitCode::SUCCESS)
        }
        Verb::Generator { normal, .. } => generator(&places, normal),
    }
}

fn first_boot(places: &Places) -> anyhow::Result<ExitCode> {
    match first_boot::run(places, &Tools::default()) {
        Ok(decision) => {
            technician_code(places);
            keys_for_copies(places);
            alarms::lower(places, Source::FirstBoot)?;
            log(&format!("first boot: {decision:?}"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            alarms::raise(places, Source::FirstBoot, &error.alarm())?;
            Err(error.into())
        }
    }
}

/// A box without a code is a box that is mended with the disk in another machine: never a reason to keep the clinic down.
fn technician_code(places: &Places) {
    let (facility, _) = facility::in_force(places);
    let recipient = facility.programme.age_recipient;
    if let Err(error) = crate::technician::ensure(places, recipient.as_deref()) {
        log(&format!("technician's code: {error}"));
    }
}

/// Nor is one that cannot copy.
fn keys_for_copies(places: &Places) {
    let (facility, _) = facility::in_force(places);
    let recipient = facility.programme.age_recipient;
    if let Err(error) = crate::box_key::ensure(places) {
        log(&format!("box key: {error}"));
    }
    if let Err(error) = crate::recovery::ensure(places, recipient.as_deref()) {
        log(&format!("recovery identity: {error}"));
    }
}

fn guard(places: &Places) -> anyhow::Result<ExitCode> {
    match guard::run(places) {
        Outcome::Pass => Ok(ExitCode::SUCCESS),
        Outcome::Refused(alarm) => anyhow::bail!("{}: {}", alarm.code, alarm.en),
        Outcome::Reboot => {
            log("the boot state was repaired to the slot that the data belong to; restarting");
            super::wait_for(async { Units::connect().await?.reboot().await })?
                .context("the box must be restarted by hand")?;
            // Failed: the database must not start in the seconds until the restart.
            Ok(ExitCode::FAILURE)
        }
    }
}

fn snapshot_thin(places: &Places) -> anyhow::Result<()> {
    let room = || {
        // XFS gives the blocks of removed files back a moment later.
        clock::pause(Duration::from_millis(500));
        disk::room(places)
    };
    let thinned = thin::thin(places, clock::since_boot(), room)?;
    log(&format!(
        "{} snapshots thrown away, {} before their time",
        thinned.expired.len(),
        thinned.early.len()
    ));
    Ok(())
}

fn openmrs_prepare(places: &Places) -> anyhow::Result<ExitCode> {
    namespace::enter_the_box().context("the unit needs root's full rights (ExecStartPre=+)")?;
    match super::wait_for(prepare::run(places))? {
        Ok(start) => {
            alarms::lower(places, Source::OpenmrsPrepare)?;
            log(&format!("OpenMRS starts: {start:?}"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            if let Some(alarm) = error.alarm() {
                alarms::raise(places, Source::OpenmrsPrepare, &alarm)?;
            }
            Err(error.into())
        }
    }
}

/// Without /proc/meminfo or facility.toml the units' own floor stays: a generator must never keep a box from booting.
fn generator(places: &Places, normal: &Path) -> anyhow::Result<ExitCode> {
    let memory = memory::total_mib(&places.meminfo())?.context("no MemTotal in /proc/meminfo")?;
    let sizes = sizing::sizes(memory);
    let (facility, _) = facility::in_force(places);
    let zone = &facility.time_zone;
    for (unit, text) in [
        ("openmrs", sizes.openmrs_drop_in(zone)),
        ("mariadb", sizes.mariadb_drop_in(zone)),
    ] {
        let directory = normal.join(format!("{unit}.service.d"));
        durable::directory(&directory, Owner::mode(0o755))?;
        durable::write(
            &directory.join("50-size.conf"),
            text.as_bytes(),
            Owner::mode(0o644),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Whether this program was started as systemd's generator.
pub(super) fn is_generator(program: &Path) -> bool {
    program
        .file_name()
        .is_some_and(|name| name == "posto-generator")
}
