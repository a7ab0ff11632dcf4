//! What commands for hands have in common: language, rights, questions, a spinner, an outcome for people or programs.

use std::io::{BufRead, IsTerminal, Read, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::status::words_of;
use crate::facility;
use crate::places::Places;
use crate::supervise::judgement::Judgement;
use crate::texts::{Language, say};

/// The screen gives its language to what it runs.
pub(super) const LANGUAGE_VARIABLE: &str = "POSTO_LANGUAGE";

/// Longer than any yes or no.
const ANSWER_LIMIT_BYTES: u64 = 1024;

/// The language of this command's words.
pub(super) fn language(places: &Places) -> Language {
    match std::env::var(LANGUAGE_VARIABLE).as_deref() {
        Ok("pt") => Language::Pt,
        Ok("en") => Language::En,
        _ => facility::in_force(places).0.language,
    }
}

/// The language's name for [`LANGUAGE_VARIABLE`].
pub(super) const fn code(language: Language) -> &'static str {
    match language {
        Language::Pt => "pt",
        Language::En => "en",
    }
}

pub(super) fn must_be_root(language: Language) -> anyhow::Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    anyhow::bail!(say(language, "hand-needs-root", &[]))
}

/// The plan of `--dry-run`.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn print_plan(language: Language, steps: &[&str], json: bool) {
    if json {
        println!("{}", serde_json::json!({ "plan": steps }));
        return;
    }
    for (number, step) in steps.iter().enumerate() {
        println!("{}. {}", number + 1, say(language, step, &[]));
    }
}

/// The outcome.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn print_end(_language: Language, words: &str, good: bool, json: bool) {
    if json {
        println!("{}", serde_json::json!({ "done": good, "says": words }));
    } else {
        println!("{words}");
    }
}

/// What a question led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The word for yes.
    Yes,
    /// Anything else.
    No,
    /// Standard input is no terminal: nobody can be asked.
    NobodyThere,
}

/// Asks the question, which is in the language's words already.
#[allow(clippy::print_stderr, reason = "the command's question")]
pub(super) fn ask(language: Language, question: &str) -> std::io::Result<Answer> {
    if !std::io::stdin().is_terminal() {
        return Ok(Answer::NobodyThere);
    }
    eprint!("{question} ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin()
        .lock()
        .take(ANSWER_LIMIT_BYTES)
        .read_line(&mut answer)?;
    Ok(understood(language, &answer))
}

fn understood(language: Language, answer: &str) -> Answer {
    let yes = say(language, "hand-answer-yes", &[]);
    if answer.trim().eq_ignore_ascii_case(&yes) {
        Answer::Yes
    } else {
        Answer::No
    }
}

/// Says on a terminal what is waited for.
pub(super) struct Spinner {
    language: Language,
    bar: ProgressBar,
}

impl Spinner {
    pub(super) fn new(language: Language) -> Self {
        let bar = if std::io::stderr().is_terminal() {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
            // A text console has no Braille.
            bar.set_style(style.tick_chars("|/-\\ "));
        }
        bar.enable_steady_tick(Duration::from_millis(250));
        Self { language, bar }
    }

    pub(super) fn say(&self, id: &str) {
        self.bar.set_message(say(self.language, id, &[]));
    }

    pub(super) fn situation(&self, judgement: &Judgement) {
        self.bar.set_message(words_of(judgement, self.language));
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_languages_own_word_is_a_yes() {
        for (language, yes, other) in [
            (Language::Pt, "Sim\n", "yes\n"),
            (Language::En, " YES ", "sim"),
        ] {
            assert_eq!(understood(language, yes), Answer::Yes);
            for no in [other, "", "\n", "s", "y", "yes sim", "no"] {
                assert_eq!(understood(language, no), Answer::No, "{no:?}");
            }
        }
    }
}
