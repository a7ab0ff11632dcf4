//! Passphrases and PINs: from the files that `POSTO_SIGN_PASSPHRASE_FILE` and `POSTO_SIGN_PIN_FILE` name, else typed on the terminal, unseen.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;

use age::secrecy::SecretString;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::durable;

/// Names a file whose first line is the passphrase of every key.
pub const VARIABLE: &str = "POSTO_SIGN_PASSPHRASE_FILE";
/// Names a file whose first line is the PIN of every token.
pub const PIN_VARIABLE: &str = "POSTO_SIGN_PIN_FILE";
const LONGEST_BYTES: u64 = 4096;

/// Why there is no passphrase.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// The file.
    #[error("{VARIABLE}: {0}")]
    File(String),
    /// No terminal to ask on.
    #[error("no terminal to ask for the passphrase on ({0}); name a file with it in {VARIABLE}")]
    Terminal(std::io::Error),
    /// Typed differently.
    #[error("the two passphrases differ")]
    Differ,
    /// Nothing was typed.
    #[error("no passphrase was given")]
    Empty,
}

/// Where passphrases come from.
#[derive(Debug)]
pub struct Passphrases {
    keys: Place,
    pins: Place,
}

#[derive(Debug)]
enum Place {
    /// One for every key.
    File(PathBuf),
    /// Asked for, for each key: each may be another person's.
    Terminal,
}

impl Passphrases {
    /// The files that the environment names, else the terminal.
    #[must_use]
    pub fn of_environment() -> Self {
        let place = |variable| {
            let file = std::env::var_os(variable).map(PathBuf::from);
            file.map_or(Place::Terminal, Place::File)
        };
        Self {
            keys: place(VARIABLE),
            pins: place(PIN_VARIABLE),
        }
    }

    /// One passphrase, in this file, for every key; PINs are asked for.
    #[must_use]
    pub fn of_file(file: PathBuf) -> Self {
        Self {
            keys: Place::File(file),
            pins: Place::Terminal,
        }
    }

    /// The passphrase of an existing key. `None`: nothing was typed, go on without this key.
    ///
    /// # Errors
    /// When nobody can be asked.
    pub fn existing(&self, name: &str) -> Result<Option<SecretString>, PassphraseError> {
        self.keys.existing(&format!("Passphrase of {name}"))
    }

    /// The PIN of a token. `None`: nothing was typed, go on without it.
    ///
    /// # Errors
    /// When nobody can be asked.
    pub fn pin(&self, name: &str) -> Result<Option<SecretString>, PassphraseError> {
        self.pins.existing(&format!("PIN of the token with {name}"))
    }

    /// A passphrase for a new key, typed twice.
    ///
    /// # Errors
    /// When nobody can be asked, or what is typed differs or is empty.
    pub fn new_key(&self, name: &str) -> Result<SecretString, PassphraseError> {
        match &self.keys {
            Place::File(path) => from_file(path),
            Place::Terminal => {
                let typed = ask(&format!("New passphrase for {name}: "))?;
                if typed.is_empty() {
                    return Err(PassphraseError::Empty);
                }
                if ask("Once more: ")? != typed {
                    return Err(PassphraseError::Differ);
                }
                Ok(SecretString::from(typed))
            }
        }
    }
}

impl Place {
    fn existing(&self, what: &str) -> Result<Option<SecretString>, PassphraseError> {
        match self {
            Self::File(path) => from_file(path).map(Some),
            Self::Terminal => {
                let typed = ask(&format!("{what} (empty: go on without it): "))?;
                Ok((!typed.is_empty()).then(|| SecretString::from(typed)))
            }
        }
    }
}

fn from_file(path: &std::path::Path) -> Result<SecretString, PassphraseError> {
    let content = durable::read(path, LONGEST_BYTES)
        .map_err(|error| PassphraseError::File(error.to_string()))?
        .ok_or_else(|| PassphraseError::File(format!("{} is not there", path.display())))?;
    let text = String::from_utf8_lossy(&content);
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(SecretString::from(line.to_owned())),
        _ => Err(PassphraseError::Empty),
    }
}

fn ask(question: &str) -> Result<String, PassphraseError> {
    let mut terminal = File::options()
        .read(true)
        .write(true)
        .open("/dev/tty")
        .map_err(PassphraseError::Terminal)?;
    terminal
        .write_all(question.as_bytes())
        .map_err(PassphraseError::Terminal)?;
    let before = tcgetattr(&terminal).map_err(|error| PassphraseError::Terminal(error.into()))?;
    let mut unseen = before.clone();
    unseen.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&terminal, OptionalActions::Flush, &unseen)
        .map_err(|error| PassphraseError::Terminal(error.into()))?;
    let mut line = String::new();
    let read = BufReader::new(&terminal).read_line(&mut line);
    let restored = tcsetattr(&terminal, OptionalActions::Flush, &before);
    // The line's end was not shown.
    let _ = (&terminal).write_all(b"\n");
    read.map_err(PassphraseError::Terminal)?;
    restored.map_err(|error| PassphraseError::Terminal(error.into()))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
