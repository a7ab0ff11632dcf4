//! Hands at the machine: its keyboard (Portuguese keys) and what its screen shows.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::machine::Machine;
use crate::wait;

/// Between two keys at least: QEMU holds each for 100 ms.
const BETWEEN_KEYS: Duration = Duration::from_millis(120);
/// Most keys change the screen, and the next one waits for it: an emulated keyboard has room for a few keys only, and a machine on
/// a busy host lost some. For those that change nothing this is enough.
const SEEN: Duration = Duration::from_secs(10);
/// So often a key may be lost.
const LOST: usize = 3;

/// QEMU's names (QKeyCode: places on a US keyboard) of the keys that give `character` on a Portuguese one.
fn chord(character: char) -> Option<Vec<String>> {
    let shifted = |key: &str| vec!["shift".to_owned(), key.to_owned()];
    Some(match character {
        'a'..='z' | '0'..='9' => vec![character.to_string()],
        'A'..='Z' => shifted(&character.to_ascii_lowercase().to_string()),
        ' ' => vec!["spc".to_owned()],
        '\n' => vec!["ret".to_owned()],
        '.' => vec!["dot".to_owned()],
        ',' => vec!["comma".to_owned()],
        '-' => vec!["slash".to_owned()],
        '_' => shifted("slash"),
        ';' => shifted("comma"),
        '/' => shifted("7"),
        '=' => shifted("0"),
        '&' => shifted("6"),
        '>' => shifted("less"),
        '*' => shifted("bracket_left"),
        '(' => shifted("8"),
        ')' => shifted("9"),
        _ => return None,
    })
}

impl Machine {
    /// Presses these keys, by QEMU's names, one after the other.
    ///
    /// # Errors
    /// When QEMU does not know one.
    pub fn press(&mut self, keys: &[&str]) -> Result<()> {
        keys.iter()
            .try_for_each(|key| self.chord(&[(*key).to_owned()]).map(drop))
    }

    /// Types a text on a Portuguese keyboard.
    ///
    /// # Errors
    /// When a character is on no key that is known here.
    pub fn type_text(&mut self, text: &str) -> Result<()> {
        text.chars().try_for_each(|character| {
            let keys = chord(character).with_context(|| format!("no key for '{character}'"))?;
            self.chord(&keys).map(drop)
        })
    }

    /// Types digits where each changes the screen: one that does not was lost on the way, and is typed again.
    ///
    /// # Errors
    /// When one was lost several times.
    pub fn type_digits(&mut self, digits: &str) -> Result<()> {
        for digit in digits.chars().filter(char::is_ascii_digit) {
            let keys = [digit.to_string()];
            let mut typed = false;
            for _ in 0..LOST {
                typed = typed || self.chord(&keys)?;
            }
            ensure!(typed, "the digit {digit} does not come to the screen");
        }
        Ok(())
    }

    /// Whether the screen changed.
    fn chord(&mut self, keys: &[String]) -> Result<bool> {
        let keys: Vec<_> = keys
            .iter()
            .map(|key| json!({ "type": "qcode", "data": key }))
            .collect();
        let before = self.pixels()?;
        self.control()
            .command_with("send-key", &json!({ "keys": keys }))?;
        let pressed = Instant::now();
        wait::pause(BETWEEN_KEYS);
        let mut changed = self.pixels()? != before;
        while !changed && pressed.elapsed() < SEEN {
            wait::pause(BETWEEN_KEYS);
            changed = self.pixels()? != before;
        }
        Ok(changed)
    }

    fn pixels(&mut self) -> Result<Vec<u8>> {
        let at = self.scratch().join("screen.ppm");
        let file = at.display().to_string();
        self.control()
            .command_with("screendump", &json!({ "filename": file }))?;
        Ok(std::fs::read(at)?)
    }

    /// Keeps what the screen shows now as a picture (PNG).
    ///
    /// # Errors
    /// When QEMU cannot write it.
    pub fn picture(&mut self, at: &Path) -> Result<()> {
        self.control().command_with(
            "screendump",
            &json!({ "filename": at.display().to_string(), "format": "png" }),
        )
    }
}
