//! `posto snapshot list`: what stands on the shelf.

use std::io::IsTerminal;
use std::process::ExitCode;

use indicatif::ProgressBar;
use serde::Serialize;

use super::words;
use crate::cli::hands;
use crate::facility;
use crate::places::Places;
use crate::snapshot::manifest::Manifest;
use crate::snapshot::moment;
use crate::snapshot::proof::{Depth, Proof, Proven};
use crate::snapshot::reconcile::{Found, Undescribed};
use crate::snapshot::shelf::{self, Snapshot};
use crate::system::clock;
use crate::system::reflink::exclusive_bytes;
use crate::texts::{Language, say};

/// Arguments of `posto snapshot list`.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Arguments {
    /// Do not ask the disk what each one takes alone (a look at every file)
    #[arg(long)]
    fast: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// One snapshot for people and programs.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    #[serde(flatten)]
    pub(super) manifest: &'a Manifest,
    pub(super) age_s: u64,
    pub(super) proven: Proven,
    pub(super) proofs: &'a [Proof],
    /// What its removal would give back, bytes; null: not asked.
    pub(super) exclusive_bytes: Option<u64>,
}

/// Runs the command.
///
/// # Errors
/// Not root, or the snapshots' directory cannot be read.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(in crate::cli) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = hands::language(&places);
    hands::must_be_root(language)?;
    let found = shelf::look(&places)?;
    let (facility, _) = facility::in_force(&places);
    let now_s = now_s(&places, &found.snapshots);
    let count = u64::try_from(found.snapshots.len()).unwrap_or(0);
    let bar = (!arguments.fast && std::io::stderr().is_terminal()).then(|| ProgressBar::new(count));
    let entries: Vec<Entry<'_>> = found
        .snapshots
        .iter()
        .map(|snapshot| {
            let entry = entry(snapshot, now_s, !arguments.fast);
            bar.iter().for_each(|bar| bar.inc(1));
            entry
        })
        .collect();
    bar.iter().for_each(ProgressBar::finish_and_clear);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&entries)?);
    } else {
        print!("{}", text(&entries, &found, &facility.time_zone, language));
    }
    Ok(ExitCode::SUCCESS)
}

/// What time it is by the box's snapshots, seconds.
pub(super) fn now_s(places: &Places, snapshots: &[Snapshot]) -> u64 {
    let before = snapshots.last().map(|newest| &newest.manifest.moment);
    moment::now(places, before, clock::unix_seconds(), clock::since_boot()).effective_s
}

/// `measured`: with a look at every file's extents.
pub(super) fn entry(snapshot: &Snapshot, now_s: u64, measured: bool) -> Entry<'_> {
    Entry {
        manifest: &snapshot.manifest,
        age_s: now_s.saturating_sub(snapshot.manifest.moment.effective_s),
        proven: Proven::of(&snapshot.proofs),
        proofs: &snapshot.proofs,
        // A file system that cannot tell is none of ours: nothing is said.
        exclusive_bytes: measured
            .then(|| exclusive_bytes(&snapshot.directory).ok())
            .flatten(),
    }
}

fn text(entries: &[Entry<'_>], found: &Found, zone: &str, language: Language) -> String {
    if entries.is_empty() && found.undescribed.is_empty() {
        return format!("{}\n", say(language, "snapshot-list-none", &[]));
    }
    let heads = [
        "snapshot-head-id",
        "snapshot-head-time",
        "snapshot-head-age",
        "snapshot-head-proof",
        "snapshot-head-rows",
        "snapshot-head-apparent",
        "snapshot-head-exclusive",
        "snapshot-head-reason",
    ];
    let right = [true, false, true, false, true, true, true, false];
    let mut rows = vec![heads.map(|head| say(language, head, &[])).to_vec()];
    for entry in entries {
        rows.push(vec![
            entry.manifest.id.to_string(),
            words::local_time(&entry.manifest.moment, zone),
            words::age(language, entry.age_s),
            words::proven(language, entry.proven),
            rows_counted(entry.proofs).map_or("-".into(), |rows| rows.to_string()),
            words::bytes(entry.manifest.apparent_bytes),
            entry.exclusive_bytes.map_or("-".into(), words::bytes),
            words::reason(language, &entry.manifest.reason),
        ]);
    }
    let mut text = words::table(&rows, &right);
    for Undescribed { id, reason } in &found.undescribed {
        let values = [
            ("snapshot", id.number().into()),
            ("reason", reason.as_str().into()),
        ];
        text.push_str(&say(language, "snapshot-list-undescribed", &values));
        text.push('\n');
    }
    text
}

/// Rows of the clinical tables, where somebody counted them all.
fn rows_counted(proofs: &[Proof]) -> Option<u64> {
    let full = proofs
        .iter()
        .rev()
        .find(|proof| proof.depth == Depth::Full)?;
    full.is_good().then(|| full.rows.values().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::proof::Verdict;
    use crate::snapshot::shelf::Shelf;
    use crate::snapshot::shelf::tests::{box_, proof_of, take};

    #[test]
    #[allow(clippy::disallowed_methods)]
    fn the_table_has_a_line_each_and_names_what_cannot_be_read() {
        let (_dir, places) = box_();
        let mut shelf = Shelf::open(&places).unwrap();
        for _ in 0..3 {
            take(&mut shelf).unwrap();
        }
        let full = Proof {
            depth: Depth::Full,
            rows: [("obs".to_string(), 900), ("person".to_string(), 77)].into(),
            ..proof_of(1, Verdict::Good)
        };
        shelf.proved(&full).unwrap();
        let bad = Verdict::Bad { reason: "x".into() };
        shelf.proved(&proof_of(2, bad)).unwrap();
        std::fs::write(places.snapshots().join("000003/manifest.json"), "{").unwrap();
        let found = shelf::look(&places).unwrap();
        let entries: Vec<_> = found
            .snapshots
            .iter()
            .map(|snapshot| entry(snapshot, 3 * 3600, false))
            .collect();
        let shown = text(&entries, &found, "UTC", Language::En);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 4, "{shown}");
        assert!(
            lines[1].contains("1970-01-01 01:00") && lines[1].contains("977"),
            "{shown}"
        );
        assert!(
            lines[1].contains("2 h") && lines[1].contains("full"),
            "{shown}"
        );
        assert!(lines[2].contains("BAD"), "{shown}");
        assert!(lines[3].contains("snapshot 3"), "{shown}");
        let json = serde_json::to_value(&entries).unwrap();
        assert_eq!(json[0]["id"], 1);
        assert_eq!(json[1]["proven"], "bad");
    }

    #[test]
    fn an_empty_shelf_says_so() {
        let found = Found::default();
        let shown = text(&[], &found, "UTC", Language::Pt);
        assert!(shown.contains("cópia"), "{shown}");
    }
}
