//! How far an import is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::database::import::run::{Phase, Watch};
use crate::system::clock;
use crate::texts::{Language, Value, say};

/// Without a terminal: one line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(super) struct Bar {
    language: Language,
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
    last_line: Duration,
    terminal: bool,
}

impl Bar {
    pub(super) fn new(language: Language) -> Self {
        let terminal = std::io::stderr().is_terminal();
        Self {
            language,
            bar: None,
            phase: None,
            last_line: Duration::ZERO,
            terminal,
        }
    }

    pub(super) fn show(&mut self, watch: &Watch) {
        let fresh = self.phase != Some(watch.phase);
        self.phase = Some(watch.phase);
        if self.terminal {
            self.draw(watch, fresh);
        } else {
            self.line(watch, fresh);
        }
    }

    fn draw(&mut self, watch: &Watch, fresh: bool) {
        if fresh {
            if let Some(old) = self.bar.take() {
                old.finish_and_clear();
            }
            let measured = matches!(watch.phase, Phase::Reading | Phase::Loading);
            let bar = match watch.size_bytes.filter(|_| measured) {
                Some(size) => ProgressBar::new(size).with_style(style(
                    "{prefix} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}",
                )),
                None if measured => ProgressBar::no_length().with_style(style(
                    "{prefix} {spinner} {bytes} {bytes_per_sec} {elapsed} {msg}",
                )),
                None => ProgressBar::no_length().with_style(style("{prefix} {spinner} {elapsed}")),
            };
            bar.set_prefix(say(self.language, phase_id(watch.phase), &[]));
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(watch.taken.load(Ordering::Relaxed));
            if watch.phase == Phase::Loading {
                bar.set_message(self.table(watch));
            }
            bar.tick();
        }
    }

    #[allow(clippy::print_stderr, reason = "progress where there is no terminal")]
    fn line(&mut self, watch: &Watch, fresh: bool) {
        let now = clock::since_boot();
        if !fresh && now.saturating_sub(self.last_line) < LINE_EVERY {
            return;
        }
        self.last_line = now;
        let phase = say(self.language, phase_id(watch.phase), &[]);
        let taken = watch.taken.load(Ordering::Relaxed);
        match (watch.phase, watch.size_bytes) {
            (Phase::Reading | Phase::Loading, _) if fresh => eprintln!("{phase}"),
            (Phase::Reading | Phase::Loading, Some(size)) => {
                eprintln!(
                    "{phase}: {} / {} {}",
                    HumanBytes(taken),
                    HumanBytes(size),
                    self.table(watch)
                );
            }
            (Phase::Reading | Phase::Loading, None) => {
                eprintln!("{phase}: {} {}", HumanBytes(taken), self.table(watch));
            }
            _ => eprintln!("{phase}"),
        }
    }

    fn table(&self, watch: &Watch) -> String {
        let table = watch
            .load
            .table
            .lock()
            .map(|t| t.clone())
            .unwrap_or_default();
        if table.is_empty() {
            return String::new();
        }
        let rows = Value::Number(watch.load.rows.load(Ordering::Relaxed));
        say(
            self.language,
            "import-of-table",
            &[("rows", rows), ("table", table.into())],
        )
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // A template that does not parse costs only its looks.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn phase_id(phase: Phase) -> &'static str {
    match phase {
        Phase::Reading => "import-reading",
        Phase::Preparing => "import-preparing",
        Phase::Loading => "import-loading",
        Phase::Counting => "import-counting",
        Phase::Finishing => "import-finishing",
        Phase::Stopping => "import-stopping",
        Phase::Starting => "import-starting",
    }
}
