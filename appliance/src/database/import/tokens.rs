//! The words of one statement. The marks of conditional comments (`/*!40101`, `*/`) are passed over:
//! their inside is code.

use std::ops::Range;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A keyword, bare name or number.
    Word,
    /// Text in quotes; the quote character.
    Quoted(u8),
    /// One other byte.
    Symbol(u8),
}

/// One token and where it stands in its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its bytes in the statement.
    pub range: Range<usize>,
}

/// The tokens of a statement. Never fails: an unclosed quote ends with the statement.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    /// The tokens of `text`.
    #[must_use]
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// The next token's bytes in upper case if it is a word, else nothing.
    pub fn word(&mut self) -> Option<String> {
        let token = self.next()?;
        (token.kind == Kind::Word).then(|| upper(self.text, &token))
    }

    /// The bytes of `token` in this statement.
    #[must_use]
    pub fn bytes(&self, token: &Token) -> &'a [u8] {
        self.text.get(token.range.clone()).unwrap_or_default()
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.get(at).copied()
    }

    fn skip_marks(&mut self) {
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let skipped = if rest.first().is_some_and(u8::is_ascii_whitespace) {
                1
            } else if rest.starts_with(b"*/") {
                2
            } else if rest.starts_with(b"/*!") || rest.starts_with(b"/*M!") {
                let bang = rest.iter().position(|b| *b == b'!').unwrap_or(0) + 1;
                bang + rest
                    .iter()
                    .skip(bang)
                    .take(6)
                    .take_while(|b| b.is_ascii_digit())
                    .count()
            } else {
                return;
            };
            self.at += skipped;
        }
    }

    fn quoted(&self, quote: u8) -> usize {
        let mut at = self.at + 1;
        while let Some(byte) = self.byte(at) {
            let escape = byte == b'\\' && quote != b'`';
            let doubled = byte == quote && self.byte(at + 1) == Some(quote);
            if escape || doubled {
                at += 2;
            } else if byte == quote {
                return at + 1;
            } else {
                at += 1;
            }
        }
        self.text.len()
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    fn next(&mut self) -> Option<Token> {
        self.skip_marks();
        let start = self.at;
        let first = self.byte(start)?;
        let (kind, end) = match first {
            b'\'' | b'"' | b'`' => (Kind::Quoted(first), self.quoted(first)),
            _ if is_word(first) => {
                let rest = self.text.get(start..).unwrap_or_default();
                (
                    Kind::Word,
                    start + rest.iter().take_while(|b| is_word(**b)).count(),
                )
            }
            _ => (Kind::Symbol(first), start + 1),
        };
        self.at = end;
        Some(Token {
            kind,
            range: start..end,
        })
    }
}

/// The token's bytes as upper-case text, for keywords.
#[must_use]
pub fn upper(text: &[u8], token: &Token) -> String {
    String::from_utf8_lossy(text.get(token.range.clone()).unwrap_or_default()).to_ascii_uppercase()
}

/// A name as the server knows it: backticks or quotes taken off, doubled ones made single.
#[must_use]
pub fn name(text: &[u8], token: &Token) -> Option<String> {
    let bytes = text.get(token.range.clone())?;
    match token.kind {
        Kind::Word => Some(String::from_utf8_lossy(bytes).into_owned()),
        Kind::Quoted(quote @ (b'`' | b'"')) => {
            let inside = bytes.get(1..bytes.len().checked_sub(1)?)?;
            let quote = char::from(quote);
            let doubled: String = [quote, quote].iter().collect();
            Some(String::from_utf8_lossy(inside).replace(&doubled, &quote.to_string()))
        }
        Kind::Quoted(_) | Kind::Symbol(_) => None,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || byte >= 0x80
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Tokens::new(text.as_bytes())
            .map(|t| text[t.range].to_string())
            .collect()
    }

    #[test]
    fn marks_of_conditional_comments_are_passed_over() {
        assert_eq!(
            words("/*!50003 CREATE*/ /*M!100616 x*/ y"),
            ["CREATE", "x", "y"]
        );
    }

    #[test]
    fn quotes_hold_together_with_escapes_and_doubled_quotes() {
        assert_eq!(
            words(r"a 'it\'s' 'it''s' `b``c`"),
            ["a", r"'it\'s'", "'it''s'", "`b``c`"]
        );
    }

    #[test]
    fn a_name_loses_its_backticks() {
        let text = b"`a``b`";
        let token = Tokens::new(text).next().unwrap();
        assert_eq!(name(text, &token).unwrap(), "a`b");
    }
}
