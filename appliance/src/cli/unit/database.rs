//! What mariadb.service runs besides the server, as root and outside its sandbox.

use std::time::Duration;

use anyhow::Context;

use crate::database::server::{self, Mended};
use crate::database::{refusal, settle};
use crate::events::{self, Event};
use crate::places::Places;
use crate::system::clock;
use crate::system::log::log;
use crate::system::process::Invocation;

const JOURNALCTL: &str = "/usr/bin/journalctl";
/// journald writes what it has to a slow disk.
const JOURNALCTL_LIMIT: Duration = Duration::from_secs(30);
/// A server says some fifty lines until it gives up.
const LINES: &str = "--lines=1000";

/// Before the server is told to end (ExecStop=). systemd runs it also where the server died by itself: then there is nobody.
pub(super) fn settle(places: &Places) -> anyhow::Result<()> {
    if std::env::var_os("MAINPID").is_none() {
        return Ok(());
    }
    if let Err(error) = super::super::wait_for(settle::settle(&places.database_socket()))? {
        log(&format!(
            "the database was not settled before its end: {error}"
        ));
    }
    Ok(())
}

/// After the server's end, however it came (ExecStopPost=): one that refused to start is made to start, if it is known how.
/// systemd starts it again (Restart=).
pub(super) fn ended(places: &Places) -> anyhow::Result<()> {
    let told = |name| std::env::var(name).unwrap_or_default();
    // systemd.exec(5), "Environment Variables Set or Propagated by the Service Manager". A server that refuses ends with 1.
    if told("SERVICE_RESULT") != "exit-code" || told("EXIT_STATUS") != "1" {
        return Ok(());
    }
    let said = words_of(&told("INVOCATION_ID"))?;
    let Some(transactions) = refusal::mend(&places.database(), &said)
        .context("the database refuses prepared transactions and stays down")?
    else {
        return Ok(());
    };
    log(&format!(
        "{transactions} transactions were left half-way by a stop that was cut; the journal decides them at the next start"
    ));
    events::record(
        places,
        &Event::new("database-mended").with("transactions", transactions),
    );
    Ok(server::note_mended(
        places,
        &Mended {
            since_boot_ms: u64::try_from(clock::since_boot().as_millis()).unwrap_or(u64::MAX),
            transactions,
        },
    )?)
}

/// All that one start of the unit said.
fn words_of(invocation: &str) -> anyhow::Result<String> {
    anyhow::ensure!(
        !invocation.is_empty() && invocation.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "systemd did not name the start that ended"
    );
    // Comes back when journald has written what was said until now: journalctl(1).
    Invocation::new(JOURNALCTL)
        .arg("--sync")
        .run(JOURNALCTL_LIMIT)?;
    let said = Invocation::new(JOURNALCTL)
        .args(["--quiet", "--no-pager", "--output=cat", LINES])
        .arg(format!("_SYSTEMD_INVOCATION_ID={invocation}"))
        .run(JOURNALCTL_LIMIT)?;
    Ok(String::from_utf8_lossy(&said).into_owned())
}
