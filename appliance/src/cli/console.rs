//! `posto console`: the screen. State in words, the address to open, the admin password until it is first changed,
//! alarms. No login and no input: whoever stands before the box may read it, nobody can do anything with it.

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use super::status::{address_to_open, situation};
use crate::places::Places;
use crate::report::Report;
use crate::system::clock;
use crate::texts::{Language, say};

/// How often the screen looks; it redraws only what changed.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A text console's width in characters.
const WIDTH: usize = 80;

/// Runs until it is ended.
///
/// # Errors
/// When the terminal is gone; systemd starts it anew.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let places = Places::default();
    let mut before = String::new();
    loop {
        let report = Report::gather(&places);
        let screen = screen(&report, report.first_password(&places).as_deref());
        if screen != before {
            let mut terminal = std::io::stdout().lock();
            // Home, clear, cursor off (ECMA-48, linux console_codes(4)); \r for terminals in raw mode.
            write!(
                terminal,
                "\x1b[H\x1b[2J\x1b[?25l{}",
                screen.replace('\n', "\r\n")
            )?;
            terminal.flush()?;
            before = screen;
        }
        clock::pause(LOOK_EVERY);
    }
}

fn screen(report: &Report, password: Option<&str>) -> String {
    let first = report.facility.language;
    let second = if first == Language::Pt {
        Language::En
    } else {
        Language::Pt
    };
    let mut text = String::new();
    for language in [first, second] {
        let say = |id: &str, values: &[(&str, crate::texts::Value)]| say(language, id, values);
        let mut line = |words: String| {
            text.push_str(&wrapped(&words));
            text.push('\n');
        };
        if language == first {
            let name = [
                ("name", report.facility.name.as_str().into()),
                ("id", report.facility.id.as_str().into()),
            ];
            line(say("console-facility", &name));
            line(say(
                "console-release",
                &[("release", report.release.as_str().into())],
            ));
        }
        if report.stand_in {
            line(say("console-stand-in", &[]));
        }
        line(situation(report, language));
        if report.addresses.is_empty() {
            line(say("console-no-address", &[]));
        } else {
            line(say("console-open", &[]));
            for address in &report.addresses {
                line(format!("    {}", address_to_open(address)));
            }
        }
        if let Some(password) = password {
            line(say("console-admin", &[("password", password.into())]));
            line(say("console-admin-change", &[]));
        }
        for alarm in &report.alarms {
            line(say(
                "console-alarm",
                &[("code", alarm.code.as_str().into())],
            ));
            line(alarm.text(language).to_string());
        }
        line(String::new());
    }
    text
}

/// Breaks at spaces: the console cuts words anywhere.
fn wrapped(words: &str) -> String {
    let mut lines = vec![String::new()];
    let indent: String = words.chars().take_while(|c| *c == ' ').collect();
    let mut width = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if width > 0 && width + 1 + length > WIDTH {
            lines.push(String::new());
            width = 0;
        }
        if let Some(line) = lines.last_mut() {
            line.push_str(if width == 0 { &indent } else { " " });
            line.push_str(word);
        }
        width += length + 1;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarms::Alarm;
    use crate::facility::Facility;

    #[test]
    fn the_screen_says_state_address_password_and_alarm_in_both_languages_within_80_columns() {
        let report = Report {
            release: "2026.11-1".into(),
            slot: None,
            distro: None,
            stand_in: false,
            facility: Facility::default(),
            judgement: None,
            data_disk: None,
            addresses: vec!["10.0.0.1".parse().unwrap()],
            alarms: vec![Alarm::new(
                "database-missing",
                &[("missing", "ibdata1".into())],
            )],
        };
        let text = screen(&report, Some("Abcd-efgh-jkm9"));
        for part in [
            "Unidade",
            "http://10.0.0.1/",
            "senha Abcd-efgh-jkm9",
            "password Abcd-efgh-jkm9",
            "ALARME",
            "ALARM",
            "ibdata1",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "{text}"
        );
        assert!(!screen(&report, None).contains("senha"));
    }
}
