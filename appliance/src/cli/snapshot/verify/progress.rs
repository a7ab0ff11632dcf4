//! How far a proof is: a bar on a terminal, a line a phase elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::snapshot::prove::{Phase, Watch};
use crate::texts::{Language, say};

/// The spinner turns while one table takes minutes.
const TURN: Duration = Duration::from_millis(200);

pub(super) struct Bar {
    language: Language,
    bar: Option<ProgressBar>,
    phase: Option<Phase>,
    terminal: bool,
}

impl Bar {
    pub(super) fn new(language: Language) -> Self {
        Self {
            language,
            bar: None,
            phase: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    #[allow(clippy::print_stderr, reason = "progress where there is no terminal")]
    pub(super) fn show(&mut self, watch: &Watch) {
        let fresh = self.phase.replace(watch.phase) != Some(watch.phase);
        let language = self.language;
        let name = || say(language, phase_id(watch.phase), &[]);
        if !self.terminal {
            if fresh {
                eprintln!("{}", name());
            }
            return;
        }
        if fresh {
            self.end();
            let template = match watch.phase {
                Phase::Cloning | Phase::Recovering => "{prefix} {spinner} {elapsed}",
                Phase::Opening | Phase::Checking => {
                    "{prefix} [{wide_bar}] {pos}/{len} {elapsed} {spinner} {msg}"
                }
                Phase::Reading => {
                    "{prefix} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}"
                }
            };
            // A template that does not parse costs only its looks.
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            let bar = ProgressBar::new(watch.whole).with_style(style);
            bar.set_prefix(name());
            bar.enable_steady_tick(TURN);
            self.bar = Some(bar);
        }
        if let Some(bar) = &self.bar {
            bar.set_position(watch.done);
            bar.set_message(watch.what.clone());
        }
    }

    fn end(&mut self) {
        if let Some(old) = self.bar.take() {
            old.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.end();
    }
}

fn phase_id(phase: Phase) -> &'static str {
    match phase {
        Phase::Cloning => "proof-cloning",
        Phase::Recovering => "proof-recovering",
        Phase::Opening => "proof-opening",
        Phase::Reading => "proof-reading",
        Phase::Checking => "proof-checking",
    }
}
