//! What the worker said, in words.

use indicatif::HumanBytes;

use crate::texts::{Language, Value, say};
use crate::update::said::{Found, Said, Step};
use crate::update::trouble::Trouble;

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

/// What the text `update-trouble` needs.
pub(super) fn reason(trouble: Option<Trouble>, error: Option<&str>) -> [(&'static str, Value); 2] {
    [
        ("trouble", trouble.map_or("", Trouble::name).into()),
        ("reason", error.unwrap_or_default().into()),
    ]
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
        Found::Waits {
            release,
            waiting,
            why,
        } => {
            let values = [
                ("release", release.release.as_str().into()),
                ("waiting", waiting.as_str().into()),
                ("why", why.as_str().into()),
            ];
            say(language, "update-waits", &values)
        }
    }];
    match said.step {
        Step::Failed => {
            let values = reason(said.trouble, said.error.as_deref());
            lines.push(say(language, "update-failed", &values));
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
