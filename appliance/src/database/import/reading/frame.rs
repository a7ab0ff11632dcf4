//! The only things that the confined reader may say: framed, bounded, and none of them parsed further than this.
//!
//! A frame is its kind (1 byte), the length of the rest (u32, little endian), the rest.

use std::io::{Read, Write};

use crate::database::import::error::ImportError;
use crate::database::import::survey::Survey;

/// One batch of rows is at most a row of 64 MiB, a batch of 1 MiB and its head; one statement 16 MiB.
pub const BATCH_LIMIT_BYTES: u32 = 96 << 20;
/// A survey names at most 20,000 tables.
pub const RECORD_LIMIT_BYTES: u32 = 16 << 20;
/// Table names go into messages; MariaDB's own end at 64 characters.
const TABLE_LIMIT_BYTES: usize = 256;

const TAKEN: u8 = 1;
const BEGIN_AGAIN: u8 = 2;
const BATCH: u8 = 3;
const DONE: u8 = 4;
const FAILED: u8 = 5;

/// A statement or a batch of rows, as the throwaway server gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// The text. Whoever passes it on does not look into it.
    pub sql: Vec<u8>,
    /// Line it starts on, from 1.
    pub line: u64,
    /// The table it is about.
    pub table: Option<String>,
    /// Rows in it; 0 for a statement.
    pub rows: u64,
}

/// What the reader says.
#[derive(Debug)]
pub enum Frame {
    /// Packed bytes read so far.
    Taken(u64),
    /// What was sent is to be thrown away.
    BeginAgain,
    /// For the server.
    Batch(Batch),
    /// The dump's end was reached.
    Done(Box<Survey>),
    /// What is wrong with the dump.
    Failed(Box<ImportError>),
}

/// Writes [`Frame::Taken`].
///
/// # Errors
/// The pipe's.
pub fn write_taken(out: &mut impl Write, bytes: u64) -> std::io::Result<()> {
    head(out, TAKEN, 8)?;
    out.write_all(&bytes.to_le_bytes())
}

/// Writes [`Frame::BeginAgain`].
///
/// # Errors
/// The pipe's.
pub fn write_begin_again(out: &mut impl Write) -> std::io::Result<()> {
    head(out, BEGIN_AGAIN, 0)
}

/// Writes [`Frame::Batch`] without copying its text.
///
/// # Errors
/// The pipe's, or a text beyond [`BATCH_LIMIT_BYTES`].
pub fn write_batch(
    out: &mut impl Write,
    sql: &[u8],
    line: u64,
    table: Option<&str>,
    rows: u64,
) -> std::io::Result<()> {
    let name: String = table
        .unwrap_or_default()
        .chars()
        .take(TABLE_LIMIT_BYTES / 4)
        .collect();
    head(out, BATCH, 8 + 8 + 1 + 2 + name.len() + sql.len())?;
    out.write_all(&line.to_le_bytes())?;
    out.write_all(&rows.to_le_bytes())?;
    out.write_all(&[u8::from(table.is_some())])?;
    out.write_all(&u16::try_from(name.len()).unwrap_or(0).to_le_bytes())?;
    out.write_all(name.as_bytes())?;
    out.write_all(sql)
}

/// Writes [`Frame::Done`].
///
/// # Errors
/// The pipe's, or a survey beyond [`RECORD_LIMIT_BYTES`].
pub fn write_done(out: &mut impl Write, survey: &Survey) -> std::io::Result<()> {
    record(out, DONE, &serde_json::to_vec(survey)?)
}

/// Writes [`Frame::Failed`].
///
/// # Errors
/// The pipe's.
pub fn write_failed(out: &mut impl Write, error: &ImportError) -> std::io::Result<()> {
    record(out, FAILED, &serde_json::to_vec(error)?)
}

/// Reads one frame; none at the end.
///
/// # Errors
/// The pipe's, or `InvalidData` for anything that is no frame.
pub fn read(input: &mut impl Read) -> std::io::Result<Option<Frame>> {
    let mut kind = [0u8];
    if input.read(&mut kind)? == 0 {
        return Ok(None);
    }
    let [kind] = kind;
    let length = u32::from_le_bytes(array(input)?);
    let most = match kind {
        TAKEN => 8,
        BEGIN_AGAIN => 0,
        BATCH => BATCH_LIMIT_BYTES,
        DONE | FAILED => RECORD_LIMIT_BYTES,
        _ => return Err(invalid("a frame of an unknown kind")),
    };
    if length > most {
        return Err(invalid("a frame longer than any that is meant"));
    }
    let mut rest = input.take(u64::from(length));
    let frame = match kind {
        TAKEN => Frame::Taken(u64::from_le_bytes(array(&mut rest)?)),
        BEGIN_AGAIN => Frame::BeginAgain,
        BATCH => Frame::Batch(batch(&mut rest)?),
        DONE => Frame::Done(serde_json::from_slice(&all(&mut rest)?)?),
        _ => Frame::Failed(serde_json::from_slice(&all(&mut rest)?)?),
    };
    if rest.limit() == 0 {
        Ok(Some(frame))
    } else {
        Err(std::io::ErrorKind::UnexpectedEof.into())
    }
}

fn batch(rest: &mut std::io::Take<impl Read>) -> std::io::Result<Batch> {
    let line = u64::from_le_bytes(array(rest)?);
    let rows = u64::from_le_bytes(array(rest)?);
    let [named] = array(rest)?;
    let name_bytes = usize::from(u16::from_le_bytes(array(rest)?));
    if name_bytes > TABLE_LIMIT_BYTES {
        return Err(invalid("a table name longer than any"));
    }
    let mut name = vec![0; name_bytes];
    rest.read_exact(&mut name)?;
    let name = String::from_utf8(name).map_err(|_| invalid("a table name that is no text"))?;
    Ok(Batch {
        sql: all(rest)?,
        line,
        table: (named != 0).then_some(name),
        rows,
    })
}

fn record(out: &mut impl Write, kind: u8, json: &[u8]) -> std::io::Result<()> {
    if json.len() > RECORD_LIMIT_BYTES as usize {
        return Err(invalid("a dump whose names alone fill megabytes"));
    }
    head(out, kind, json.len())?;
    out.write_all(json)
}

fn head(out: &mut impl Write, kind: u8, length: usize) -> std::io::Result<()> {
    let length = u32::try_from(length)
        .ok()
        .filter(|length| *length <= BATCH_LIMIT_BYTES)
        .ok_or_else(|| invalid("a statement longer than any that is meant"))?;
    let [a, b, c, d] = length.to_le_bytes();
    out.write_all(&[kind, a, b, c, d])
}

fn array<const N: usize>(input: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    input.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn all(rest: &mut std::io::Take<impl Read>) -> std::io::Result<Vec<u8>> {
    // A length that lies costs no more memory than what really comes.
    let likely = usize::try_from(rest.limit()).unwrap_or(0).min(2 << 20);
    let mut bytes = Vec::with_capacity(likely);
    rest.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn invalid(what: &'static str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::import::error::NotADump;
    use proptest::prelude::*;

    #[test]
    fn what_is_wrong_with_a_dump_crosses_the_pipe_with_its_words() {
        let errors = [
            ImportError::NotADump {
                file: "f".into(),
                what: NotADump::Format("a zip archive".into()),
            },
            ImportError::CompressedDamaged {
                file: "f".into(),
                format: "gzip".into(),
                bytes: 7,
                line: 3,
                table: Some("obs".into()),
                source: std::io::Error::other("corrupt deflate stream"),
            },
            ImportError::Read {
                file: "f".into(),
                source: std::io::Error::from_raw_os_error(5),
            },
        ];
        for error in errors {
            let mut pipe = Vec::new();
            write_failed(&mut pipe, &error).unwrap();
            let Some(Frame::Failed(back)) = read(&mut pipe.as_slice()).unwrap() else {
                panic!("not the frame written")
            };
            assert_eq!(back.to_string(), error.to_string());
        }
    }

    #[test]
    fn an_error_of_the_root_part_cannot_be_said_by_the_reader() {
        let json = br#"{"AfterExchange":"x"}"#;
        let mut pipe = Vec::new();
        record(&mut pipe, FAILED, json).unwrap();
        assert!(read(&mut pipe.as_slice()).is_err());
    }

    proptest! {
        #[test]
        fn a_batch_comes_through_as_it_was(sql in prop::collection::vec(any::<u8>(), 0..2000), line: u64, rows: u64, table in prop::option::of(".{0,60}")) {
            let mut pipe = Vec::new();
            write_batch(&mut pipe, &sql, line, table.as_deref(), rows).unwrap();
            let Some(Frame::Batch(back)) = read(&mut pipe.as_slice()).unwrap() else {
                panic!("not the frame written")
            };
            prop_assert_eq!(back, Batch { sql, line, table, rows });
        }

        #[test]
        fn no_bytes_make_the_root_part_panic_or_take_memory(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut input = bytes.as_slice();
            while let Ok(Some(_)) = read(&mut input) {}
        }

        #[test]
        fn a_pipe_that_breaks_in_a_frame_is_an_error(cut in 1usize..40) {
            let mut pipe = Vec::new();
            write_batch(&mut pipe, b"INSERT INTO t VALUES (1)", 1, Some("t"), 1).unwrap();
            prop_assume!(cut < pipe.len());
            pipe.truncate(cut);
            prop_assert!(read(&mut pipe.as_slice()).is_err());
        }
    }
}
