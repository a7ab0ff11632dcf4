//! Reads a whole dump without a server: is it whole, what does it hold?

use std::sync::atomic::{AtomicBool, Ordering};

use super::census::{Census, Step, Wanted};
use super::error::ImportError;
use super::lexer::{LexError, Lexer, Limits, Piece};
use super::source::{Format, Source};

/// What a whole reading found.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
pub struct Survey {
    /// How it is packed.
    pub format: Format,
    /// Databases, tables, rows.
    pub census: Census,
    /// Unpacked size.
    pub bytes: u64,
    /// Lines.
    pub lines: u64,
}

enum Stop {
    Lex(LexError),
    Import(ImportError),
}

impl From<LexError> for Stop {
    fn from(error: LexError) -> Self {
        Self::Lex(error)
    }
}

/// Reads `source` to its end. `on_step` gets every piece that the server is to have; `stop` ends it early.
///
/// # Errors
/// Whatever is wrong with the dump, or what `on_step` says.
pub fn read(
    source: &mut Source,
    wanted: Wanted,
    stop: &AtomicBool,
    mut on_step: impl FnMut(Step<'_>, &Piece<'_>) -> Result<(), ImportError>,
) -> Result<Survey, ImportError> {
    let mut census = Census::new(&source.name, wanted);
    let mut lexer = Lexer::new(Limits::default());
    let mut buffer = vec![0u8; 128 << 10];
    let mut bytes = 0u64;
    loop {
        if stop.load(Ordering::Relaxed) {
            return Err(ImportError::Interrupted);
        }
        let got = match source.read(&mut buffer) {
            Ok(got) => got,
            Err(error) => {
                return Err(source.explain(error, bytes, lexer.line(), census.last_table()));
            }
        };
        // A byte order mark is no part of the text; some Windows tools write one.
        let chunk = buffer.get(..got).unwrap_or_default();
        let chunk = if bytes == 0 {
            chunk.strip_prefix(b"\xef\xbb\xbf").unwrap_or(chunk)
        } else {
            chunk
        };
        bytes += got as u64;
        let mut sink = |piece: Piece<'_>| -> Result<(), Stop> {
            let step = census.take(&piece).map_err(Stop::Import)?;
            on_step(step, &piece).map_err(Stop::Import)
        };
        let done = if got == 0 {
            lexer.finish(&mut sink)
        } else {
            lexer.push(chunk, &mut sink)
        };
        match done {
            Ok(()) if got == 0 => {
                return Ok(Survey {
                    format: source.format,
                    census,
                    bytes,
                    lines: lexer.line(),
                });
            }
            Ok(()) => {}
            Err(Stop::Import(error)) => return Err(error),
            Err(Stop::Lex(error)) => {
                return Err(ImportError::Text {
                    file: source.name.clone(),
                    table: census.last_table(),
                    source: error,
                });
            }
        }
    }
}
