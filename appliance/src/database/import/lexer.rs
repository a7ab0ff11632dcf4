//! Cuts the text of a dump into statements, and long INSERTs into batches of rows.
//!
//! It is fed with chunks of any size and hands pieces on as soon as they are whole, so what it
//! holds is bounded: at most [`Limits::statement_bytes`] of a statement, or
//! [`Limits::batch_bytes`] of rows plus one row of [`Limits::row_bytes`].
//!
//! The rules are those of the `mysql`/`mariadb` clients (client/mysql.cc, add_line): quotes with
//! backslash escapes and doubled quotes, backticks, `-- `, `#` and `/* */` comments, `/*! */` taken
//! as code, and `DELIMITER` lines.

use memchr::{memchr, memchr_iter, memchr2};

/// What the lexer may hold in memory, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest statement that is not a list of rows.
    pub statement_bytes: usize,
    /// Rows of one INSERT are handed on when this much has gathered.
    pub batch_bytes: usize,
    /// The longest single row.
    pub row_bytes: usize,
}

impl Default for Limits {
    /// mysqldump writes no row above its own max_allowed_packet (24 MiB unless raised; `--hex-blob`
    /// doubles that), and 1 MiB batches keep the server busy without making transactions of seconds.
    fn default() -> Self {
        Self {
            statement_bytes: 16 << 20,
            batch_bytes: 1 << 20,
            row_bytes: 64 << 20,
        }
    }
}

/// One whole thing found in the dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// A statement that is not a plain list of rows, without its delimiter and comments.
    Statement {
        /// The statement as the server gets it.
        text: &'a [u8],
        /// Line it starts on, from 1.
        line: u64,
    },
    /// A batch of rows: an INSERT that is whole by itself.
    Rows {
        /// `INSERT INTO t VALUES (..),(..)`.
        text: &'a [u8],
        /// Length of the part up to and with `VALUES`.
        head_bytes: usize,
        /// Rows in this batch.
        rows: u64,
        /// Line the batch starts on, from 1.
        line: u64,
    },
    /// A `-- ` comment between statements: mysqldump says there who it is and that it finished.
    Comment {
        /// The text after the dashes, at most 512 bytes of it.
        text: &'a [u8],
        /// Its line, from 1.
        line: u64,
    },
}

/// Why the text cannot be cut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LexError {
    /// A statement is longer than [`Limits::statement_bytes`].
    #[error("the statement that starts on line {line} is longer than {limit_bytes} bytes")]
    StatementTooLong {
        /// Where it starts.
        line: u64,
        /// The bound.
        limit_bytes: usize,
    },
    /// A row is longer than [`Limits::row_bytes`].
    #[error("a row after line {line} is longer than {limit_bytes} bytes")]
    RowTooLong {
        /// Where its batch starts.
        line: u64,
        /// The bound.
        limit_bytes: usize,
    },
    /// Something other than rows after VALUES (`ON DUPLICATE KEY`, an unbalanced bracket, ...).
    #[error("line {line}: after VALUES something stands that is no row")]
    NotRows {
        /// Where.
        line: u64,
    },
    /// A DELIMITER line without, or with a far too long, delimiter.
    #[error("line {line}: a DELIMITER line that names no usable delimiter")]
    BadDelimiter {
        /// Where.
        line: u64,
    },
    /// The text ends inside a statement: the dump was cut off.
    #[error("the file ends in the middle of the statement that starts on line {line}")]
    Unfinished {
        /// Where the statement starts.
        line: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Code,
    Quoted(u8),
    LineComment,
    BlockComment,
    DelimiterLine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing or only the first word seen.
    Start,
    /// A statement that is passed on whole.
    Plain,
    /// INSERT or REPLACE before VALUES; brackets open.
    Head(u32),
    /// After VALUES; brackets open.
    Rows(u32),
}

const COMMENT_BYTES: usize = 512;
const DELIMITER_BYTES: usize = 15;
/// `/*M!123456` and a byte more decide every lookahead.
const LOOKAHEAD_BYTES: usize = 12;
const WORD_BYTES: usize = 10;

/// The state between two chunks.
#[derive(Debug)]
pub struct Lexer {
    limits: Limits,
    state: State,
    mode: Mode,
    delimiter: Vec<u8>,
    no_backslash_escapes: bool,
    carry: Vec<u8>,
    /// The statement so far; in `Mode::Rows` its head and the rows gathered.
    text: Vec<u8>,
    head_bytes: usize,
    rows: u64,
    /// Some row of this statement has been handed on already.
    batched: bool,
    comment: Vec<u8>,
    word: [u8; WORD_BYTES],
    word_bytes: usize,
    line: u64,
    text_line: u64,
}

impl Lexer {
    /// A lexer before the first byte.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            state: State::Code,
            mode: Mode::Start,
            delimiter: b";".to_vec(),
            no_backslash_escapes: false,
            carry: Vec::new(),
            text: Vec::new(),
            head_bytes: 0,
            rows: 0,
            batched: false,
            comment: Vec::new(),
            word: [0; WORD_BYTES],
            word_bytes: 0,
            line: 1,
            text_line: 1,
        }
    }

    /// The line being read, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.line
    }

    /// Bytes held at this moment.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.carry.capacity() + self.text.capacity() + self.comment.capacity()
    }

    /// Takes the next bytes of the dump and hands on every piece that became whole.
    ///
    /// # Errors
    /// [`LexError`], or whatever `sink` refuses with.
    pub fn push<E: From<LexError>>(
        &mut self,
        chunk: &[u8],
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.take(chunk, false, sink)
    }

    /// The end of the dump.
    ///
    /// # Errors
    /// [`LexError::Unfinished`] when a statement is open, or whatever `sink` refuses with.
    pub fn finish<E: From<LexError>>(
        &mut self,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.take(&[], true, sink)?;
        match self.state {
            State::LineComment => self.end_comment(sink)?,
            State::DelimiterLine => self.end_delimiter_line()?,
            State::Code if self.text.is_empty() => {}
            State::Code | State::Quoted(_) | State::BlockComment => {
                let line = if self.text.is_empty() {
                    self.line
                } else {
                    self.text_line
                };
                return Err(LexError::Unfinished { line }.into());
            }
        }
        if self.text.is_empty() {
            Ok(())
        } else {
            Err(LexError::Unfinished {
                line: self.text_line,
            }
            .into())
        }
    }

    fn take<E: From<LexError>>(
        &mut self,
        chunk: &[u8],
        end: bool,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let joined;
        let input = if self.carry.is_empty() {
            chunk
        } else {
            let mut carry = std::mem::take(&mut self.carry);
            carry.extend_from_slice(chunk);
            joined = carry;
            &joined
        };
        let mut rest = input;
        while !rest.is_empty() {
            let used = match self.state {
                State::Code => self.code(rest, end, sink)?,
                State::Quoted(quote) => self.quoted(rest, quote, end)?,
                State::LineComment => self.line_comment(rest, sink)?,
                State::BlockComment => self.block_comment(rest, end),
                State::DelimiterLine => self.delimiter_line(rest)?,
            };
            if used == 0 {
                break;
            }
            let (done, left) = rest.split_at(used.min(rest.len()));
            self.line += memchr_iter(b'\n', done).count() as u64;
            rest = left;
        }
        self.carry = rest.to_vec();
        Ok(())
    }

    /// One token of code. Returns 0 when more input is needed to decide.
    fn code<E: From<LexError>>(
        &mut self,
        rest: &[u8],
        end: bool,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let Some(&first) = rest.first() else {
            return Ok(0);
        };
        if self.text.is_empty() && first.is_ascii_whitespace() {
            return Ok(rest.iter().take_while(|b| b.is_ascii_whitespace()).count());
        }
        if !end && self.needs_more(rest) {
            return Ok(0);
        }
        if rest.starts_with(&self.delimiter) {
            let bytes = self.delimiter.len();
            if self.end_word() {
                return self.delimiter_line(rest).map_err(E::from);
            }
            self.end_statement(sink)?;
            return Ok(bytes);
        }
        if is_word(first) && !matches!(self.mode, Mode::Rows(_)) {
            return Ok(self.word(rest)?);
        }
        if self.end_word() {
            // DELIMITER: what follows on the line is its argument.
            return self.delimiter_line(rest).map_err(E::from);
        }
        match first {
            b'\'' | b'"' | b'`' => {
                self.refuse_between_rows()?;
                self.state = State::Quoted(first);
                self.append(&[first])?;
                Ok(1)
            }
            b'#' => {
                self.state = State::LineComment;
                Ok(1)
            }
            b'-' if rest.get(1) == Some(&b'-')
                && rest
                    .get(2)
                    .is_none_or(|b| b.is_ascii_whitespace() || b.is_ascii_control()) =>
            {
                self.state = State::LineComment;
                Ok(2)
            }
            b'/' if rest.get(1) == Some(&b'*') => Ok(self.comment_start(rest)?),
            _ => Ok(self.symbol(rest, first, sink)?),
        }
    }

    /// True when a token could still become something else with the next chunk.
    fn needs_more(&self, rest: &[u8]) -> bool {
        if rest.len() >= LOOKAHEAD_BYTES.max(self.delimiter.len()) {
            return false;
        }
        (rest.len() < self.delimiter.len() && self.delimiter.starts_with(rest))
            || (rest.first() == Some(&b'-')
                && rest.get(1).is_none_or(|b| *b == b'-')
                && rest.len() < 3)
            || (rest.first() == Some(&b'/') && rest.get(1).is_none_or(|b| *b == b'*'))
    }

    /// A run of word bytes; the word counts only once its end is seen, in whatever chunk.
    fn word(&mut self, rest: &[u8]) -> Result<usize, LexError> {
        let stop = self.delimiter.first().copied();
        let run = rest
            .iter()
            .enumerate()
            .take_while(|(i, b)| is_word(**b) && (*i == 0 || Some(**b) != stop))
            .count();
        let run_bytes = rest.get(..run).unwrap_or_default();
        for byte in run_bytes.iter().take(WORD_BYTES + 1) {
            if let Some(slot) = self.word.get_mut(self.word_bytes) {
                *slot = byte.to_ascii_uppercase();
            }
            self.word_bytes = (self.word_bytes + 1).min(WORD_BYTES + 1);
        }
        self.append(run_bytes)?;
        Ok(run)
    }

    /// Decides on the word that just ended. True: it was DELIMITER at the start of a statement.
    fn end_word(&mut self) -> bool {
        // A word longer than any that matters is none of them.
        let word = self.word.get(..self.word_bytes).unwrap_or(b"?");
        let found = match (self.mode, word) {
            (_, b"") => return false,
            (Mode::Start, b"DELIMITER") => {
                self.text.clear();
                self.comment.clear();
                self.state = State::DelimiterLine;
                self.word_bytes = 0;
                return true;
            }
            (Mode::Start, b"INSERT" | b"REPLACE") => Mode::Head(0),
            (Mode::Start, _) => Mode::Plain,
            (Mode::Head(0), b"VALUES" | b"VALUE") => {
                self.head_bytes = self.text.len();
                Mode::Rows(0)
            }
            (mode, _) => mode,
        };
        self.mode = found;
        self.word_bytes = 0;
        false
    }

    fn comment_start(&mut self, rest: &[u8]) -> Result<usize, LexError> {
        let bang = match (rest.get(2), rest.get(3)) {
            (Some(b'!'), _) => Some(3),
            (Some(b'M'), Some(b'!')) => Some(4),
            _ => None,
        };
        if let Some(bang) = bang {
            let digits = rest
                .iter()
                .skip(bang)
                .take(6)
                .take_while(|b| b.is_ascii_digit())
                .count();
            let (prefix, _) = rest.split_at((bang + digits).min(rest.len()));
            let version = prefix
                .iter()
                .skip(bang)
                .fold(0u32, |n, b| n * 10 + u32::from(b - b'0'));
            if is_executed(version, bang == 4) {
                self.append(prefix)?;
                return Ok(prefix.len());
            }
        }
        self.state = State::BlockComment;
        if !self.text.is_empty() {
            self.append(b" ")?;
        }
        Ok(2)
    }

    fn symbol<E: From<LexError>>(
        &mut self,
        rest: &[u8],
        first: u8,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        match (self.mode, first) {
            (Mode::Head(depth), b'(') => self.mode = Mode::Head(depth.saturating_add(1)),
            (Mode::Head(depth), b')') => self.mode = Mode::Head(depth.saturating_sub(1)),
            (Mode::Rows(depth), b'(') => self.mode = Mode::Rows(depth.saturating_add(1)),
            (Mode::Rows(1), b')') => {
                self.mode = Mode::Rows(0);
                self.rows += 1;
            }
            (Mode::Rows(depth), b')') if depth > 1 => self.mode = Mode::Rows(depth - 1),
            (Mode::Rows(0), b',')
                if self.text.len() - self.head_bytes >= self.limits.batch_bytes =>
            {
                self.emit_rows(sink)?;
                return Ok(1);
            }
            (Mode::Rows(0), b',') => {}
            (Mode::Rows(0), b' ' | b'\t' | b'\r' | b'\n') => return Ok(1),
            (Mode::Rows(0), _) => return Err(LexError::NotRows { line: self.line }.into()),
            (Mode::Rows(_), _) => return Ok(self.run(rest, is_plain_in_rows)?),
            _ => {}
        }
        self.append(&[first])?;
        Ok(1)
    }

    fn run(&mut self, rest: &[u8], plain: fn(u8) -> bool) -> Result<usize, LexError> {
        let stop = self.delimiter.first().copied();
        let bytes = rest
            .iter()
            .enumerate()
            .take_while(|(i, b)| *i == 0 || (plain(**b) && Some(**b) != stop))
            .count();
        self.append(rest.get(..bytes).unwrap_or_default())?;
        Ok(bytes)
    }

    fn refuse_between_rows(&self) -> Result<(), LexError> {
        match self.mode {
            Mode::Rows(0) => Err(LexError::NotRows { line: self.line }),
            _ => Ok(()),
        }
    }

    fn quoted(&mut self, rest: &[u8], quote: u8, end: bool) -> Result<usize, LexError> {
        let escapes = quote != b'`' && !self.no_backslash_escapes;
        let found = if escapes {
            memchr2(quote, b'\\', rest)
        } else {
            memchr(quote, rest)
        };
        let Some(at) = found else {
            self.append(rest)?;
            return Ok(rest.len());
        };
        if rest.get(at) == Some(&quote) {
            self.state = State::Code;
            self.append(rest.get(..=at).unwrap_or_default())?;
            return Ok(at + 1);
        }
        // A backslash: it and the byte after it stay together.
        let upto = if at + 1 < rest.len() || end {
            at + 2
        } else {
            at
        };
        let upto = upto.min(rest.len());
        self.append(rest.get(..upto).unwrap_or_default())?;
        Ok(upto)
    }

    fn line_comment<E: From<LexError>>(
        &mut self,
        rest: &[u8],
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let newline = memchr(b'\n', rest);
        let bytes = newline.unwrap_or(rest.len());
        if bytes > 0 {
            let room = COMMENT_BYTES.saturating_sub(self.comment.len()).min(bytes);
            self.comment
                .extend_from_slice(rest.get(..room).unwrap_or_default());
            return Ok(bytes);
        }
        // The newline itself stays for the code: it separates words.
        self.end_comment(sink)?;
        if self.text.is_empty() {
            Ok(1)
        } else {
            self.append(b"\n")?;
            Ok(1)
        }
    }

    fn end_comment<E: From<LexError>>(
        &mut self,
        sink: &mut impl FnMut(Piece<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.state = State::Code;
        let comment = std::mem::take(&mut self.comment);
        if self.text.is_empty() {
            sink(Piece::Comment {
                text: comment.trim_ascii(),
                line: self.line,
            })?;
        }
        Ok(())
    }

    fn block_comment(&mut self, rest: &[u8], end: bool) -> usize {
        match memchr(b'*', rest) {
            None => rest.len(),
            Some(at) => match rest.get(at + 1) {
                Some(b'/') => {
                    self.state = State::Code;
                    at + 2
                }
                Some(_) => at + 1,
                None if end => at + 1,
                // Zero only when the star is all there is: then the next chunk decides.
                None => at,
            },
        }
    }

    fn delimiter_line(&mut self, rest: &[u8]) -> Result<usize, LexError> {
        let newline = memchr(b'\n', rest);
        let bytes = newline.unwrap_or(rest.len());
        let room = COMMENT_BYTES.saturating_sub(self.comment.len()).min(bytes);
        self.comment
            .extend_from_slice(rest.get(..room).unwrap_or_default());
        if newline.is_none() {
            return Ok(bytes);
        }
        self.end_delimiter_line()?;
        Ok(bytes + 1)
    }

    fn end_delimiter_line(&mut self) -> Result<(), LexError> {
        let line = std::mem::take(&mut self.comment);
        let argument = line
            .trim_ascii()
            .split(u8::is_ascii_whitespace)
            .next()
            .unwrap_or_default();
        if argument.is_empty() || argument.len() > DELIMITER_BYTES || argument.contains(&b'\\') {
            return Err(LexError::BadDelimiter { line: self.line });
        }
        self.delimiter = argument.to_vec();
        self.state = State::Code;
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), LexError> {
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

    fn emit_rows<E: From<LexError>>(
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

    fn end_statement<E: From<LexError>>(
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

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

fn is_plain_in_rows(byte: u8) -> bool {
    !matches!(
        byte,
        b'\'' | b'"' | b'`' | b'(' | b')' | b',' | b'#' | b'-' | b'/'
    )
}

/// Whether MariaDB runs the inside of `/*!12345 ... */` (sql/sql_lex.cc): MySQL's versions from
/// 5.7 up are not meant for it, and 999999 (the sandbox line of mariadb-dump) for no server.
fn is_executed(version: u32, for_mariadb: bool) -> bool {
    if for_mariadb {
        version < 999_999
    } else {
        version < 50_700 || (100_000..999_999).contains(&version)
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

#[cfg(test)]
mod tests;
