//! Comments, and the lines of the client program that look like them: DELIMITER.

use memchr::memchr;

use super::{LexError, Lexer, Piece, State};

const COMMENT_BYTES: usize = 512;
const DELIMITER_BYTES: usize = 15;

impl Lexer {
    pub(super) fn comment_start(&mut self, rest: &[u8]) -> Result<usize, LexError> {
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

    pub(super) fn line_comment<E: From<LexError>>(
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

    pub(super) fn end_comment<E: From<LexError>>(
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

    pub(super) fn block_comment(&mut self, rest: &[u8], end: bool) -> usize {
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

    pub(super) fn delimiter_line(&mut self, rest: &[u8]) -> Result<usize, LexError> {
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

    pub(super) fn end_delimiter_line(&mut self) -> Result<(), LexError> {
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
