//! What is being done and how long it took: a line that moves on a terminal, plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// One step of the build, shown while it lasts.
#[derive(Debug)]
pub struct Step {
    name: String,
    bar: ProgressBar,
    started: Instant,
    quiet: bool,
}

/// Shows steps, and remembers how long each took.
#[derive(Debug)]
pub struct Progress {
    quiet: bool,
    terminal: bool,
    times: Vec<(String, Duration)>,
}

impl Progress {
    /// On stderr; nothing at all when `quiet`.
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            terminal: std::io::stderr().is_terminal(),
            times: Vec::new(),
        }
    }

    /// Begins a step.
    pub fn step(&self, name: &str) -> Step {
        let bar = if self.quiet || !self.terminal {
            ProgressBar::hidden()
        } else {
            ProgressBar::new_spinner()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(name.to_owned());
        bar.enable_steady_tick(Duration::from_millis(120));
        if !self.quiet && !self.terminal {
            eprintln!("{name} ...");
        }
        Step {
            name: name.to_owned(),
            bar,
            started: Instant::now(),
            quiet: self.quiet,
        }
    }

    /// Ends a step and says how long it took.
    pub fn done(&mut self, step: Step, what: &str) {
        let took = step.started.elapsed();
        step.bar.finish_and_clear();
        if !step.quiet {
            eprintln!(
                "{:>7.1} s  {}{}",
                took.as_secs_f64(),
                step.name,
                if what.is_empty() {
                    String::new()
                } else {
                    format!(": {what}")
                }
            );
        }
        self.times.push((step.name, took));
    }

    /// A line for people, between steps.
    pub fn say(&self, line: &str) {
        if !self.quiet {
            eprintln!("{line}");
        }
    }

    /// Every step with the seconds that it took, in order.
    pub fn times(&self) -> impl Iterator<Item = (&str, f64)> {
        self.times
            .iter()
            .map(|(name, took)| (name.as_str(), took.as_secs_f64()))
    }
}

impl Step {
    /// What the step is at just now; shown on a terminal only.
    pub fn at(&self, what: &str) {
        self.bar.set_message(what.trim().to_owned());
    }

    /// How far it is.
    pub fn at_bytes(&self, done: u64, all: u64) {
        self.bar.set_message(format!(
            "{:.0} of {:.0} MB",
            done as f64 / 1e6,
            all as f64 / 1e6
        ));
    }
}
