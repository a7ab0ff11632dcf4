//! `posto unit update-work`, `update-stick`, `update-stage`: what the units of updates run.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use posto_signing::http::{Authorities, HttpSource, Patience};
use posto_signing::source::FolderSource;

use crate::events::{self, Event};
use crate::places::Places;
use crate::release;
use crate::system::log::log;
use crate::system::medium::{Access, Mounted};
use crate::system::process::Invocation;
use crate::system::{clock, durable, random};
use crate::update::fill::{self, FillError};
use crate::update::gather::{self, Giver, Ground};
use crate::update::order::{Order, Work};
use crate::update::said::{Found, Said, Step};
use crate::update::stick;
use crate::update::trouble::Trouble;
use crate::update::trust::Trust;

/// The worker's user.
const WORKER: u32 = 816;
/// A slow stick and a large release.
const STICK_LIMIT: Duration = Duration::from_secs(2 * 3600);

/// The worker's work; `folder` instead of the mirrors: a stick.
///
/// # Errors
/// What kept it from all that the order asks for; said in its files, too.
pub(super) fn work(places: &Places, folder: Option<&Path>) -> anyhow::Result<()> {
    let order = Order::read(places).context("there is no order: posto's daemon writes it")?;
    let trust = Trust::of_the_image(places)?;
    let mut givers = match folder {
        Some(folder) => vec![Giver {
            name: "stick".to_owned(),
            source: Box::new(FolderSource::new(folder)),
            costs: false,
        }],
        None => mirrors(&order),
    };
    let said = gather::run(
        &mut Ground {
            state: &places.update_worker(),
            live: &places.update_live(),
            order: &order,
            anchor: &trust.root,
            clock_s: clock::unix_s(),
            pause: &mut |length| clock::pause(length),
            // Without chance all boxes come back together: slower, not wrong.
            random: &mut || random::number().unwrap_or_default() as u32,
        },
        &mut givers,
    )?;
    let (release, step) = match (&said.found, said.step) {
        (Found::Offered { release, .. }, Step::Fetched) => (&release.release, "fetched"),
        (Found::Offered { release, .. }, _) => (&release.release, "offered"),
        (Found::Waits { release, .. }, _) => (&release.release, "waits"),
        (Found::UpToDate | Found::Unknown, _) => (&order.running, "up to date"),
    };
    log(&format!(
        "release {release}: {step}; {} of {} bytes are here; this month has paid for {} bytes",
        said.have_bytes, said.all_bytes, said.paid_bytes
    ));
    Ok(())
}

fn mirrors(order: &Order) -> Vec<Giver> {
    let authorities = order
        .authorities
        .as_ref()
        .and_then(|pem| Authorities::from_pem(pem.as_bytes()))
        .unwrap_or_default();
    let giver = |mirror: &String| {
        let at = mirror.trim_end_matches('/');
        let targets = format!("{at}/targets");
        let source = HttpSource::new(
            &format!("{at}/metadata"),
            Some(&targets),
            Patience::default(),
            &authorities,
        );
        Giver {
            name: mirror.clone(),
            source: Box::new(source),
            costs: true,
        }
    };
    order.mirrors.iter().map(giver).collect()
}

/// Mounts a stick and lets the worker bring what is on it: root itself reads nothing of it.
///
/// # Errors
/// When there is none, or the worker failed.
pub(super) fn from_stick(places: &Places) -> anyhow::Result<()> {
    let by_hand = Order::read(places).is_some_and(|order| order.by_hand);
    let (_, mut order) = fill::order(places)?;
    order.work = Work::Fetch;
    order.by_hand = by_hand;
    order.write(places)?;
    let device = stick::find(places)?;
    let mounted = Mounted::at(&device, &places.update_stick(), Access::Read)?;
    log(&format!("looking at the stick {}", device.display()));
    let folder = stick::repository(mounted.path());
    let mut worker = Invocation::new("/usr/bin/posto")
        .args(["unit", "update-work", "--folder"])
        .arg(&folder)
        .as_user(WORKER)
        .dies_with_us()
        .spawn()?;
    let ended = worker.wait(STICK_LIMIT);
    mounted.end()?;
    Ok(ended?)
}

/// Verifies what the worker brought, and stages it.
///
/// # Errors
/// [`FillError`], told as an event.
pub(super) fn stage(places: &Places) -> anyhow::Result<()> {
    let repository: PathBuf = places.update_worker().join("repository");
    let by_hand = Order::read(places).is_some_and(|order| order.by_hand);
    let said = Said::read(&places.update_worker());
    if said.fetched().is_none() {
        log("nothing new is here");
        return Ok(());
    }
    let done = fill::fill(places, &repository, clock::unix_s(), by_hand);
    if by_hand {
        // The next stick or night goes by the facility file again.
        durable::remove(&places.update_order())?;
    }
    match done {
        Ok(staging) if !staging.is_new() => Ok(()),
        Ok(staging) => {
            let running = release::running(places)?;
            let event = Event::new("update-staged")
                .with("release", staging.release.as_str())
                .with("running", running.release.as_str());
            events::record(places, &event);
            Ok(())
        }
        Err(FillError::Busy) => Ok(()),
        Err(error) => {
            let event = Event::new("update-not-staged")
                .with("trouble", Trouble::from(&error).name())
                .with("reason", error.to_string());
            events::record(places, &event);
            Err(error.into())
        }
    }
}
