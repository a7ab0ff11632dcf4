//! What the worker said, in words.

use indicatif::HumanBytes;

use crate::texts::{Language, Value, say};
use crate::update::said::{Found, INTERRUPTED, Said, Step};

/// Prints it.
///
/// # Errors
/// When it cannot be written as JSON.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn print(language: Language, said: &Said, json: bool) -> anyhow::Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(said)?);
        return Ok(());
    }
    for line in lines(language, said) {
        println!("{line}");
    }
    Ok(())
}

fn lines(language: Language, said: &Said) -> Vec<String> {
    let bytes = |count: u64| Value::Text(HumanBytes(count).to_string());
    let mut lines = vec![match &said.found {
        Found::Unknown => say(language, "update-unknown", &[]),
        Found::UpToDate => say(language, "update-up-to-date", &[]),
        Found::Offered {
            release,
            bytes: all,
            patch,
        } => {
            let id = if *patch {
                "update-offered"
            } else {
                "update-offered-whole"
            };
            let missing = all.saturating_sub(said.have_bytes);
            let values = [
                ("release", release.release.as_str().into()),
                ("bytes", bytes(*all)),
                ("missing", bytes(missing)),
            ];
            say(language, id, &values)
        }
        Found::Waits { release, why } => {
            let values = [
                ("release", release.release.as_str().into()),
                ("why", why.as_str().into()),
            ];
            say(language, "update-waits", &values)
        }
    }];
    match said.step {
        Step::Failed => {
            let reason = match said.error.as_deref() {
                Some(INTERRUPTED) => say(language, "update-interrupted", &[]),
                other => other.unwrap_or_default().to_owned(),
            };
            lines.push(say(language, "update-failed", &[("reason", reason.into())]));
        }
        Step::Fetching => lines.push(say(language, "update-fetching-now", &[])),
        Step::Fetched => lines.push(say(language, "update-fetched", &[])),
        Step::Rest | Step::Asking => {}
    }
    if !said.expired.is_empty() {
        let roles = said.expired.join(", ");
        lines.push(say(language, "update-expired", &[("roles", roles.into())]));
    }
    if said.budget_bytes > 0 {
        let values = [
            ("paid", bytes(said.paid_bytes)),
            ("budget", bytes(said.budget_bytes)),
        ];
        lines.push(say(language, "update-budget", &values));
    }
    lines
}
