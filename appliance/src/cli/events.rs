//! `posto events [--since SEQUENCE|2h|boot] [--json]`: what happened, in words, oldest first.

use std::process::ExitCode;
use std::str::FromStr;

use serde::Serialize;

use crate::events::{Field, Moment, Recorded, Store};
use crate::facility;
use crate::places::Places;
use crate::texts::Language;

/// Arguments of `posto events`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// After this event's number, in the last 30s, 20m, 2h or 3d, or since this boot
    #[arg(long, value_name = "NUMBER|2h|boot")]
    since: Option<Since>,
    /// For programs: one JSON object a line
    #[arg(long)]
    json: bool,
}

/// From where on: an event's number, a time such as `2h`, or `boot`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// After this event.
    Sequence(u64),
    /// Seconds.
    Span(u64),
    /// Since the box started.
    Boot,
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "say an event's number, a time such as 20m, 2h or 3d, or boot".to_string();
        if text == "boot" {
            return Ok(Self::Boot);
        }
        if let Ok(sequence) = text.parse() {
            return Ok(Self::Sequence(sequence));
        }
        let unit = text.chars().next_back().ok_or_else(wrong)?;
        let seconds = match unit {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            _ => return Err(wrong()),
        };
        let number: u64 = text
            .strip_suffix(unit)
            .and_then(|number| number.parse().ok())
            .ok_or_else(wrong)?;
        Ok(Self::Span(number.saturating_mul(seconds)))
    }
}

/// One event for programs.
#[derive(Debug, Serialize)]
struct Line<'a> {
    sequence: u64,
    #[serde(flatten)]
    moment: &'a Moment,
    name: &'a str,
    fields: &'a std::collections::BTreeMap<String, Field>,
    words: String,
}

/// Runs the command.
///
/// # Errors
/// When the event log cannot be read.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let language = facility::in_force(&places).0.language;
    let after = match arguments.since {
        Some(Since::Sequence(sequence)) => sequence,
        _ => 0,
    };
    let recorded = Store::open(&places.events())?.after(after)?;
    let now = Moment::now(&places);
    let chosen = recorded.iter().filter(|recorded| {
        arguments
            .since
            .is_none_or(|since| holds(since, recorded, &now))
    });
    for recorded in chosen {
        if arguments.json {
            println!("{}", serde_json::to_string(&line(recorded, language))?);
        } else {
            println!("{}", words(recorded, language));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Within one boot its own clock counts; across boots only the wall clock is there, right or wrong.
fn holds(since: Since, recorded: &Recorded, now: &Moment) -> bool {
    let this_boot = recorded.moment.boot == now.boot;
    match since {
        Since::Sequence(sequence) => recorded.sequence > sequence,
        Since::Boot => this_boot,
        Since::Span(seconds) if this_boot => {
            now.since_boot_ms
                .saturating_sub(recorded.moment.since_boot_ms)
                <= seconds.saturating_mul(1000)
        }
        Since::Span(seconds) => now.unix_s.saturating_sub(recorded.moment.unix_s) <= seconds,
    }
}

fn line(recorded: &Recorded, language: Language) -> Line<'_> {
    Line {
        sequence: recorded.sequence,
        moment: &recorded.moment,
        name: recorded.event.name(),
        fields: recorded.event.fields(),
        words: recorded.event.words(language),
    }
}

fn words(recorded: &Recorded, language: Language) -> String {
    let when = i64::try_from(recorded.moment.unix_s)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map_or_else(
            || "?".to_string(),
            |time| {
                time.to_zoned(jiff::tz::TimeZone::system())
                    .strftime("%Y-%m-%d %H:%M:%S")
                    .to_string()
            },
        );
    format!(
        "{:>6}  {when}  {}",
        recorded.sequence,
        recorded.event.words(language)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Event;

    fn at(boot: &str, since_boot_ms: u64, unix_s: u64) -> Recorded {
        Recorded {
            sequence: 7,
            moment: Moment {
                boot: boot.into(),
                since_boot_ms,
                unix_s,
            },
            event: Event::new("door-opened"),
        }
    }

    #[test]
    fn since_takes_a_number_a_time_and_the_boot() {
        assert_eq!("12".parse(), Ok(Since::Sequence(12)));
        assert_eq!("2h".parse(), Ok(Since::Span(7200)));
        assert_eq!("boot".parse(), Ok(Since::Boot));
        for wrong in ["", "h", "2w", "-1", "é", "2é"] {
            assert!(Since::from_str(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_clock_that_was_corrected_in_this_boot_hides_nothing() {
        let now = at("now", 7_300_000, 1_800_000_000).moment;
        let early = at("now", 200_000, 0);
        assert!(holds(Since::Span(7200), &early, &now));
        assert!(!holds(Since::Span(7000), &early, &now));
        assert!(!holds(Since::Span(7200), &at("before", 7_200_000, 0), &now));
        assert!(holds(Since::Boot, &early, &now));
    }

    #[test]
    fn a_line_has_number_time_and_words() {
        let text = words(&at("b", 1, 0), Language::En);
        assert!(
            text.starts_with("     7  19") && text.contains("door opened"),
            "{text}"
        );
    }
}
