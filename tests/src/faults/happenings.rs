//! What the box itself tells: its events, and what systemd started, both from its journal.

use anyhow::{Context, Result};
use serde_json::Value;

use crate::container::Container;

/// systemd's message "unit started" (catalogue of messages, SD_MESSAGE_UNIT_STARTED).
const UNIT_STARTED: &str = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf";

/// One event of the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Its name, such as `openmrs-died`.
    pub name: String,
    /// When, milliseconds since this kernel booted (a container has its host's clock).
    pub since_boot_ms: u64,
    /// In words.
    pub words: String,
}

/// Milliseconds since this kernel booted, as the box's events count them.
///
/// # Errors
/// When there is no `/proc/uptime`.
pub fn since_boot_ms() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    let seconds: f64 = text
        .split_whitespace()
        .next()
        .context("/proc/uptime is empty")?
        .parse()?;
    Ok((seconds * 1000.0) as u64)
}

/// The events since `after_ms` (as [`since_boot_ms`]), oldest first.
///
/// # Errors
/// When the journal cannot be read.
pub fn happenings(container: &Container, after_ms: u64) -> Result<Vec<Happening>> {
    let lines = container.run(&[
        "journalctl",
        "--boot",
        "--output=json",
        "--output-fields=POSTO_EVENT,POSTO_SINCE_BOOT_MS,MESSAGE",
        "SYSLOG_IDENTIFIER=posto",
        "+",
        "_COMM=posto",
    ])?;
    let mut found: Vec<Happening> = lines.lines().filter_map(happening).collect();
    found.retain(|happening| happening.since_boot_ms >= after_ms);
    found.sort_by_key(|happening| happening.since_boot_ms);
    Ok(found)
}

fn happening(line: &str) -> Option<Happening> {
    let value: Value = serde_json::from_str(line).ok()?;
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    Some(Happening {
        name: text("POSTO_EVENT")?,
        since_boot_ms: text("POSTO_SINCE_BOOT_MS")?.parse().ok()?,
        words: text("MESSAGE").unwrap_or_default(),
    })
}

/// How often systemd has started this unit in this boot.
///
/// # Errors
/// When the journal cannot be read.
pub fn starts(container: &Container, unit: &str) -> Result<usize> {
    let lines = container.run(&[
        "journalctl",
        "--boot",
        "--output=json",
        "--output-fields=UNIT",
        UNIT_STARTED,
        &format!("UNIT={unit}"),
    ])?;
    Ok(lines.lines().filter(|line| !line.is_empty()).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_an_event_are_happenings() {
        let line = r#"{"POSTO_EVENT":"openmrs-died","POSTO_SINCE_BOOT_MS":"1234","MESSAGE":"OpenMRS died."}"#;
        assert_eq!(
            happening(line),
            Some(Happening {
                name: "openmrs-died".into(),
                since_boot_ms: 1234,
                words: "OpenMRS died.".into()
            })
        );
        assert_eq!(happening(r#"{"MESSAGE":"the door is open"}"#), None);
        assert_eq!(happening("-- No entries --"), None);
    }
}
