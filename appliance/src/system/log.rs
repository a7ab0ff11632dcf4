//! A line in the journal: systemd takes a unit's standard error and adds time and name.

/// Writes it.
#[allow(clippy::print_stderr, reason = "the one place for it")]
pub fn log(line: &str) {
    eprintln!("{line}");
}
