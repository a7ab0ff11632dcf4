//! What is gathered of a statement, and when it is handed on.

use super::{LexError, Lexer, Mode, Piece};

impl Lexer {
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<(), LexError> {
        if self.text.is_empty() {
            self.text_line = self.line;
        }
        self.text.extend_from_slice(bytes);
        let rows_bytes = self.text.len() - self.head_bytes.min(self.text.len());
        match self.mode {
            Mode::Rows(_) if rows_bytes > self.limits.batch_bytes + self.limits.row_bytes => {
                Err(LexError::RowTooLong {
                    line: self.text_line,
                    limit_bytes: self.limits.row_bytes,
                })
            }
            Mode::Rows(_) => Ok(()),
            _ if self.text.len() > self.limits.statement_bytes => Err(LexError::StatementTooLong {
                line: self.text_line,
                limit_bytes: self.limits.statement_bytes,
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn emit_rows<E: From<LexError>>(
        &mut self,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        sink(Piece::Rows {
            text: &self.text,
            head_bytes: self.head_bytes,
            rows: self.rows,
            line: self.text_line,
        })?;
        self.text.truncate(self.head_bytes);
        // One long row must not keep its memory for the rest of the file.
        self.text
            .shrink_to(self.limits.batch_bytes.saturating_mul(2));
        self.text_line = self.line;
        self.rows = 0;
        self.batched = true;
        Ok(())
    }

    pub(super) fn end_statement<E: From<LexError>>(
        &mut self,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self.mode {
            Mode::Rows(0) if self.rows > 0 => self.emit_rows(sink)?,
            Mode::Rows(0) if self.batched => {}
            Mode::Rows(_) => return Err(LexError::NotRows { line: self.line }.into()),
            _ if self.text.trim_ascii().is_empty() => {}
            _ => {
                if let Some(on) = no_backslash_escapes(&self.text) {
                    self.no_backslash_escapes = on;
                }
                sink(Piece::Statement {
                    text: self.text.trim_ascii(),
                    line: self.text_line,
                })?;
            }
        }
        self.mode = Mode::Start;
        self.text.clear();
        self.text
            .shrink_to(self.limits.batch_bytes.saturating_mul(2));
        self.head_bytes = 0;
        self.rows = 0;
        self.batched = false;
        Ok(())
    }
}

/// What a `SET sql_mode = ...` says about backslashes; none for any other statement.
fn no_backslash_escapes(statement: &[u8]) -> Option<bool> {
    // Only SET statements, which are short; a trigger's body does not count.
    if statement.len() > 4096 {
        return None;
    }
    let upper = statement.to_ascii_uppercase();
    let start = upper.iter().position(u8::is_ascii_alphabetic)?;
    let (_, words) = upper.split_at(start);
    if !words.starts_with(b"SET") {
        return None;
    }
    let text = String::from_utf8_lossy(words);
    text.contains("SQL_MODE")
        .then(|| text.contains("NO_BACKSLASH_ESCAPES"))
}
