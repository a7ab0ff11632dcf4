//! Snapshots in words: age, reason, proof, sizes, times.

use crate::snapshot::manifest::{Moment, Reason};
use crate::snapshot::proof::Proven;
use crate::system::clock;
use crate::texts::{Language, say};

/// An age in seconds: minutes up to two hours, hours up to two days, then days.
pub(in crate::cli) fn age(language: Language, age_s: u64) -> String {
    const HOUR_S: u64 = 3600;
    const DAY_S: u64 = 24 * HOUR_S;
    let (id, count) = match age_s {
        s if s < 2 * HOUR_S => ("snapshot-age-minutes", s / 60),
        s if s < 2 * DAY_S => ("snapshot-age-hours", s / HOUR_S),
        s => ("snapshot-age-days", s / DAY_S),
    };
    say(language, id, &[("count", count.into())])
}

/// How far it can be trusted.
pub(in crate::cli) fn proven(language: Language, proven: Proven) -> String {
    let id = match proven {
        Proven::Not => "snapshot-proof-not",
        Proven::Quick => "snapshot-proof-quick",
        Proven::Full => "snapshot-proof-full",
        Proven::Bad => "snapshot-proof-bad",
    };
    say(language, id, &[])
}

/// Why it was taken.
pub(super) fn reason(language: Language, reason: &Reason) -> String {
    let id = format!("snapshot-reason-{}", reason.code());
    let values = match reason {
        Reason::ByHand { text } => vec![("text", one_line(text).into())],
        Reason::BeforeRestore { restored } => vec![("snapshot", restored.number().into())],
        Reason::BeforeUpdate { release } => vec![("release", one_line(release).into())],
        Reason::Imported { facility, id } => vec![
            ("facility", one_line(facility).into()),
            ("snapshot", id.number().into()),
        ],
        Reason::Scheduled | Reason::Other => Vec::new(),
    };
    say(language, &id, &values)
}

/// Nothing that would break the table or move the cursor.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(60)
        .collect()
}

/// In the facility's time; `~` before it where the wall clock could not be believed and uptime was counted.
pub(super) fn local_time(moment: &Moment, zone: &str) -> String {
    let mark = if moment.clock_plausible { "" } else { "~" };
    clock::in_zone(moment.effective_s, zone, "%Y-%m-%d %H:%M")
        .map_or_else(|| "?".to_string(), |local| format!("{mark}{local}"))
}

/// Bytes as people say them, in powers of ten like the disk's own size.
pub(super) fn bytes(count: u64) -> String {
    match count {
        count if count < 1_000_000 => format!("{} kB", count.div_ceil(1000)),
        count if count < 10_000_000_000 => format!("{} MB", count / 1_000_000),
        count => format!("{} GB", count / 1_000_000_000),
    }
}

/// Columns under their heads, each as wide as its widest; the last as it is.
pub(super) fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for ((cell, width), right) in row.iter().zip(&widths).zip(right) {
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            if *right {
                line.push_str(&padding);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&padding);
            }
            line.push_str("  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::id::Id;

    #[test]
    fn ages_and_sizes_are_said_in_the_unit_that_people_use() {
        assert_eq!(age(Language::En, 59), "0 min");
        assert_eq!(age(Language::En, 7199), "119 min");
        assert_eq!(age(Language::En, 7200), "2 h");
        assert_eq!(age(Language::Pt, 3 * 86_400), "3 dias");
        assert_eq!(bytes(1), "1 kB");
        assert_eq!(bytes(1_200_000_000), "1200 MB");
        assert_eq!(bytes(13_000_000_000), "13 GB");
    }

    #[test]
    fn every_reason_has_words_in_both_languages() {
        let id = Id::new(7).unwrap();
        for why in [
            Reason::Scheduled,
            Reason::ByHand {
                text: "before\nthe dentist".into(),
            },
            Reason::BeforeRestore { restored: id },
            Reason::BeforeUpdate {
                release: "r".into(),
            },
            Reason::Imported {
                facility: "x".into(),
                id,
            },
            Reason::Other,
        ] {
            for language in [Language::Pt, Language::En] {
                let words = reason(language, &why);
                assert!(
                    !words.starts_with("snapshot-reason") && !words.contains('\n'),
                    "{words}"
                );
            }
        }
    }

    #[test]
    fn a_moment_of_a_dead_clock_is_marked() {
        let mut moment = Moment {
            unix_s: 0,
            clock_plausible: true,
            effective_s: 1_795_369_791,
            uptime_s: 0,
            boot: String::new(),
        };
        assert_eq!(local_time(&moment, "UTC"), "2026-11-22 17:49");
        moment.clock_plausible = false;
        assert_eq!(local_time(&moment, "UTC"), "~2026-11-22 17:49");
    }

    #[test]
    fn columns_stand_under_each_other_whatever_letters_they_hold() {
        let rows = [vec!["nº", "razão", "x"], vec!["42", "à mão", "yy"]]
            .map(|row| row.into_iter().map(String::from).collect());
        let text = table(&rows, &[true, false, true]);
        assert_eq!(text, "nº  razão   x\n42  à mão  yy\n");
    }
}
