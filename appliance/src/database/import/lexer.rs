//! Cuts the text of a dump into statements, and long INSERTs into batches of rows.
//!
//! It is fed with chunks of any size and hands pieces on as soon as they are whole, so what it
//! holds is bounded: at most [`Limits::statement_bytes`] of a statement, or
//! [`Limits::batch_bytes`] of rows plus one row of [`Limits::row_bytes`].
//!
//! The rules are those of the `mysql`/`mariadb` clients (client/mysql.cc, add_line): quotes with
//! backslash escapes and doubled quotes, backticks, `-- `, `#` and `/* */` comments, `/*! */` taken
//! as code, and `DELIMITER` lines.

mod comment;
mod gathered;
mod piece;

pub use piece::{LexError, Limits, Piece};

use memchr::{memchr, memchr_iter, memchr2};

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

#[cfg(test)]
mod tests;
