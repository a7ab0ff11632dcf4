//! `posto snapshot show ID`: all that is known of one.

use std::fmt::Write;
use std::process::ExitCode;

use super::list::{Entry, entry, now_s};
use super::words;
use crate::cli::hands;
use crate::facility;
use crate::places::Places;
use crate::snapshot::id::Id;
use crate::snapshot::manifest::Method;
use crate::snapshot::proof::{Proof, Verdict};
use crate::snapshot::shelf::{self, ShelfError};
use crate::texts::{Language, Value, say};

/// Arguments of `posto snapshot show`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// The snapshot's number ('posto snapshot list')
    id: Id,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs the command.
///
/// # Errors
/// Not root, no such snapshot, or the snapshots' directory cannot be read.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(in crate::cli) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    let found = shelf::look(&places)?;
    if let Some(damaged) = found
        .undescribed
        .iter()
        .find(|found| found.id == arguments.id)
    {
        anyhow::bail!("{}", damaged.reason);
    }
    let snapshot = found
        .snapshots
        .iter()
        .find(|found| found.id() == arguments.id)
        .ok_or(ShelfError::Unknown(arguments.id))?;
    let entry = entry(snapshot, now_s(&places, &found.snapshots), true);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&entry)?);
    } else {
        let zone = facility::in_force(&places).0.time_zone;
        print!("{}", text(&entry, &zone, language));
    }
    Ok(ExitCode::SUCCESS)
}

fn text(entry: &Entry<'_>, zone: &str, language: Language) -> String {
    let manifest = entry.manifest;
    let method = match manifest.method {
        Method::HotClone => "snapshot-method-hot-clone",
        Method::Freeze => "snapshot-method-freeze",
        Method::Stopped => "snapshot-method-stopped",
    };
    let schema = manifest.schema.as_ref().map_or("?".to_string(), |schema| {
        format!("{} ({})", schema.changesets, schema.newest)
    });
    let mut lines: Vec<(&str, String)> = vec![
        ("snapshot-head-id", manifest.id.to_string()),
        (
            "snapshot-head-time",
            format!(
                "{} ({})",
                words::local_time(&manifest.moment, zone),
                words::age(language, entry.age_s)
            ),
        ),
        (
            "snapshot-head-reason",
            words::reason(language, &manifest.reason),
        ),
        ("snapshot-show-method", say(language, method, &[])),
        (
            "snapshot-show-held",
            format!(
                "{}.{} ms",
                manifest.held_us / 1000,
                manifest.held_us % 1000 / 100
            ),
        ),
        ("snapshot-show-facility", manifest.facility.clone()),
        ("snapshot-show-release", manifest.release.clone()),
        ("snapshot-show-database", manifest.mariadb.clone()),
        ("snapshot-show-schema", schema),
        (
            "snapshot-head-apparent",
            words::bytes(manifest.apparent_bytes),
        ),
        (
            "snapshot-head-exclusive",
            entry.exclusive_bytes.map_or("?".to_string(), words::bytes),
        ),
        ("snapshot-head-proof", words::proven(language, entry.proven)),
    ];
    if !manifest.left_out.is_nothing() {
        let lacks = format!("{}: {}", manifest.left_out.count, manifest.left_out.told());
        lines.push(("snapshot-show-lacks", lacks));
    }
    for proof in entry.proofs {
        lines.push(("", one_proof(proof, zone, language)));
    }
    let names = lines.iter().map(|(id, _)| match *id {
        "" => String::new(),
        id => say(language, id, &[]),
    });
    let names: Vec<String> = names.collect();
    let width = names
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (name, (_, words)) in names.iter().zip(&lines) {
        let padding = " ".repeat(width.saturating_sub(name.chars().count()));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name}{padding}  {words}");
    }
    text
}

fn one_proof(proof: &Proof, zone: &str, language: Language) -> String {
    let mut values: Vec<(&str, Value)> = vec![
        ("time", words::local_time(&proof.moment, zone).into()),
        ("depth", proof.depth.code().into()),
        ("seconds", (proof.took_ms / 1000).into()),
        ("tables", proof.tables.into()),
    ];
    let mut text = match &proof.verdict {
        Verdict::Good => say(language, "snapshot-show-good", &values),
        Verdict::Bad { reason } => {
            values.push(("reason", reason.as_str().into()));
            say(language, "snapshot-show-bad", &values)
        }
    };
    for fall in &proof.fell {
        let values = [
            ("table", fall.table.as_str().into()),
            ("before", fall.before.into()),
            ("now", fall.now.into()),
        ];
        text.push_str("; ");
        text.push_str(&say(language, "snapshot-show-fell", &values));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::proof::{Fall, Proven};
    use crate::snapshot::shelf::tests::{manifest, proof_of};

    #[test]
    fn all_proofs_are_shown_with_what_they_found() {
        let mut manifest = manifest(5);
        (manifest.left_out.count, manifest.left_out.names) = (7, vec!["openmrs/a -> /b".into()]);
        let mut bad = proof_of(
            5,
            Verdict::Bad {
                reason: "table obs".into(),
            },
        );
        bad.fell.push(Fall {
            table: "obs".into(),
            before: 9,
            now: 7,
        });
        let proofs = [proof_of(5, Verdict::Good), bad];
        let entry = Entry {
            manifest: &manifest,
            age_s: 60,
            proven: Proven::Bad,
            proofs: &proofs,
            exclusive_bytes: Some(5_000_000),
        };
        for language in [Language::Pt, Language::En] {
            let text = text(&entry, "UTC", language);
            assert_eq!(text.lines().count(), 15, "{text}");
            assert!(
                text.contains("table obs")
                    && text.contains("7.0 ms")
                    && text.contains("7: openmrs/a -> /b, ..."),
                "{text}"
            );
            assert!(!text.contains("snapshot-"), "{text}");
        }
    }
}
