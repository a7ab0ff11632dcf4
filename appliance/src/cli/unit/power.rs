//! The work of the units about power, disk health and Java's end.

use std::io::Read;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::database::server;
use crate::events::{self, Event, Moment};
use crate::guards::heap::histogram;
use crate::guards::smart;
use crate::places::Places;
use crate::power::{boots, ups};
use crate::system::block::Disk;
use crate::system::durable::{self, Owner};
use crate::system::log::log;
use crate::system::process::Invocation;
use crate::system::units::Units;

const BUS_LIMIT: Duration = Duration::from_secs(10);
/// A disk that is about to fail takes its time.
const SMARTCTL_LIMIT: Duration = Duration::from_secs(60);

/// posto-boots.service starts: counts this boot and tells how the one before ended.
pub(super) fn boot_begun(places: &Places) -> anyhow::Result<()> {
    let moment = Moment::now(places);
    let before = boots::read(places);
    if before.boot == moment.boot {
        return Ok(boots::write(places, &before.begin(&moment.boot))?);
    }
    let boots = before.begin(&moment.boot);
    boots::write(places, &boots)?;
    events::record(
        places,
        &Event::new("boot-begun")
            .with("boot", boots.begun)
            .with("unclean", boots.unclean()),
    );
    if before.begun > 0 && !before.ended {
        events::record(
            places,
            &Event::new("unclean-end")
                .with("unclean", boots.unclean())
                .with("begun", boots.begun),
        );
    }
    Ok(())
}

/// posto-boots.service stops, after the database: in order, if the database says so.
pub(super) fn boot_ended(places: &Places) -> anyhow::Result<()> {
    let database = super::super::wait_for(async {
        tokio::time::timeout(BUS_LIMIT, async {
            Units::connect().await?.life(server::UNIT).await
        })
        .await
    })?
    .context("systemd did not say in time how the database ended")??;
    // Killed after its time or dead: recovery at the next start, as after a power cut.
    anyhow::ensure!(
        database.active == "inactive",
        "the database did not end in order: it is {} ({})",
        database.active,
        database.sub
    );
    let boots = boots::read(places).end(&Moment::now(places).boot);
    Ok(boots::write(places, &boots)?)
}

/// upsmon's NOTIFYCMD, as upsmon's account.
pub(super) fn ups_says(places: &Places) -> anyhow::Result<()> {
    let kind = std::env::var("NOTIFYTYPE").context("upsmon gave no NOTIFYTYPE")?;
    Ok(ups::note(places, &kind)?)
}

/// posto-ups-off.service: the battery is nearly empty.
pub(super) fn ups_off(places: &Places) -> anyhow::Result<()> {
    events::record(places, &Event::new("ups-battery-low"));
    Invocation::new("/usr/bin/systemctl")
        .args(["--no-block", "poweroff"])
        .run(BUS_LIMIT)
        .context("the box must be switched off by hand, before the battery is empty")?;
    Ok(())
}

/// posto-smart.service: root's step. Keeps smartctl's words as they are; a container or a virtual machine has nothing.
pub(super) fn smart_ask(places: &Places) -> anyhow::Result<()> {
    let Ok(disk) = Disk::of(&places.data()).map(|disk| disk.device()) else {
        return Ok(());
    };
    let mut asked = Invocation::new("/usr/sbin/smartctl")
        .args(["--json", "--health", "--info", "--attributes"])
        .arg(&disk)
        .piped_stdout()
        .spawn()?;
    let mut words = Vec::new();
    if let Some(said) = asked.stdout() {
        said.take(smart::RAW_LIMIT_BYTES + 1)
            .read_to_end(&mut words)
            .with_context(|| format!("smartctl could not ask {}", disk.display()))?;
    }
    // Its exit code is a set of flags about the disk, not about the question: smartctl(8), EXIT STATUS. A disk that keeps
    // it waiting is ended with the unit.
    if let Err(error) = asked.wait(SMARTCTL_LIMIT) {
        log(&error.to_string());
    }
    anyhow::ensure!(
        words.len() as u64 <= smart::RAW_LIMIT_BYTES,
        "smartctl said more than {} bytes about {}; none were kept",
        smart::RAW_LIMIT_BYTES,
        disk.display()
    );
    Ok(durable::write(
        &places.smart_raw(),
        &words,
        Owner::mode(0o644),
    )?)
}

/// posto-smart-read.service: the step without rights.
pub(super) fn smart_read(places: &Places) -> anyhow::Result<()> {
    let Some(raw) = durable::read(&places.smart_raw(), smart::RAW_LIMIT_BYTES)? else {
        return Ok(());
    };
    let Some(health) = smart::judge(&raw) else {
        log("the data disk says nothing about its health");
        return Ok(());
    };
    log(&format!("{}: {:?}", health.disk, health.verdict));
    let text = serde_json::to_vec(&health)?;
    Ok(durable::write(&places.smart(), &text, Owner::mode(0o644))?)
}

/// Java's own `-XX:OnOutOfMemoryError=`, as OpenMRS's user. Java is ended in any case.
pub(super) fn java_histogram(places: &Places, pid: i32) -> anyhow::Result<()> {
    let kept = histogram::keep(Path::new("/tmp"), &places.histograms(), pid);
    histogram::end(pid)?;
    log(&format!(
        "Java's heap was exhausted: what filled it is in {}",
        kept?.display()
    ));
    Ok(())
}
