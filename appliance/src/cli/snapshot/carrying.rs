//! How far a copy out or in is: a bar on a terminal, a line now and then elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::system::clock;
use crate::texts::{Language, say};

/// Without a terminal: one line this often.
const LINE_EVERY: Duration = Duration::from_secs(10);

pub(in crate::cli) struct Bar {
    language: Language,
    bar: Option<ProgressBar>,
    last_line: Option<Duration>,
    terminal: bool,
}

impl Bar {
    pub(in crate::cli) fn new(language: Language) -> Self {
        Self {
            language,
            bar: None,
            last_line: None,
            terminal: std::io::stderr().is_terminal(),
        }
    }

    /// `id` names what is done; `piece` counts from 1.
    #[allow(clippy::print_stderr, reason = "progress where there is no terminal")]
    pub(in crate::cli) fn show(&mut self, id: &str, (done, all): (u64, u64), piece: usize) {
        let piece = u64::try_from(piece).unwrap_or(u64::MAX);
        let words = say(self.language, id, &[("piece", piece.into())]);
        if self.terminal {
            let bar = self.bar.get_or_insert_with(|| {
                let template = "{msg} [{wide_bar}] {bytes}/{total_bytes} {bytes_per_sec} {eta}";
                // A template that does not parse costs only its looks.
                let style = ProgressStyle::with_template(template)
                    .unwrap_or_else(|_| ProgressStyle::default_bar());
                ProgressBar::new(all).with_style(style)
            });
            bar.set_length(all);
            bar.set_position(done);
            bar.set_message(words);
            return;
        }
        let now = clock::since_boot();
        let due = |last: Duration| now.saturating_sub(last) >= LINE_EVERY;
        if self.last_line.is_none_or(due) {
            self.last_line = Some(now);
            eprintln!("{words}: {} / {}", HumanBytes(done), HumanBytes(all));
        }
    }

    pub(in crate::cli) fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}
