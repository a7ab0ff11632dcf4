//! The confined process that unpacks and cuts a dump. It has the dump and a pipe, and nothing else.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::Order;
use super::frame;
use crate::database::import::census::Step;
use crate::database::import::error::ImportError;
use crate::database::import::lexer::Piece;
use crate::database::import::source::Source;
use crate::database::import::survey;
use crate::system::confine::{self, Bounds};

/// xz's window (160 MiB), one row of 64 MiB while it grows, one statement and its changed copies.
const MEMORY_BYTES: u64 = 640 << 20;
/// A dump of 100 GB takes less than an hour on an i3; a file that unpacks without end is ended here.
const CPU_SECONDS: u64 = 4 * 3600;
/// Packed bytes between two words on how far it is.
const TAKEN_EVERY_BYTES: u64 = 1 << 20;

/// The worker's whole life: confines itself, then reads standard input and writes frames to standard output.
///
/// # Errors
/// When it cannot be confined (nothing is read then) or its pipe is gone.
pub fn run(order: &Order) -> anyhow::Result<()> {
    let input = File::from(rustix::io::dup(rustix::stdio::stdin())?);
    let output = File::from(rustix::io::dup(rustix::stdio::stdout())?);
    confine::enter(&Bounds {
        user: order.user,
        memory_bytes: MEMORY_BYTES,
        cpu_seconds: CPU_SECONDS,
    })?;
    read(order, Box::new(input), output)?;
    Ok(())
}

/// Reads the dump from `input`; every piece for the server, and at the end the survey or what is wrong, go to `output`.
///
/// # Errors
/// Only the pipe's: what is wrong with the dump is a frame.
pub fn read(order: &Order, input: Box<dyn Read + Send>, output: impl Write) -> std::io::Result<()> {
    let mut out = BufWriter::with_capacity(64 << 10, output);
    match read_all(order, input, &mut out) {
        Ok(survey) => frame::write_done(&mut out, &survey)?,
        // The pipe itself.
        Err(Ended::Pipe(error)) => return Err(error),
        Err(Ended::Dump(error)) => frame::write_failed(&mut out, &error)?,
    }
    out.flush()
}

enum Ended {
    Dump(ImportError),
    Pipe(std::io::Error),
}

fn read_all(
    order: &Order,
    input: Box<dyn Read + Send>,
    out: &mut impl Write,
) -> Result<survey::Survey, Ended> {
    let mut source = Source::over(order.name.clone(), None, input).map_err(Ended::Dump)?;
    let taken = source.taken();
    let mut said = 0;
    let mut pipe = None;
    let result = survey::read(
        &mut source,
        order.wanted.clone(),
        &AtomicBool::new(false),
        |step, piece| {
            let mut done = || {
                if order.send {
                    write(out, &step, piece)?;
                }
                let now = taken.load(Ordering::Relaxed);
                if now - said >= TAKEN_EVERY_BYTES {
                    said = now;
                    frame::write_taken(out, now)?;
                    out.flush()?;
                }
                Ok(())
            };
            done().map_err(|error| {
                pipe = Some(error);
                ImportError::Interrupted
            })
        },
    );
    match (result, pipe) {
        (_, Some(error)) => Err(Ended::Pipe(error)),
        (Ok(survey), None) => Ok(survey),
        (Err(error), None) => Err(Ended::Dump(error)),
    }
}

fn write(out: &mut impl Write, step: &Step<'_>, piece: &Piece<'_>) -> std::io::Result<()> {
    match (step, piece) {
        (Step::BeginAgain, _) => frame::write_begin_again(out),
        (
            Step::Rows { table },
            Piece::Rows {
                text, rows, line, ..
            },
        ) => frame::write_batch(out, text, *line, Some(table), *rows),
        (Step::Run { sql, table }, Piece::Statement { line, .. }) => {
            frame::write_batch(out, sql, *line, table.as_deref(), 0)
        }
        // The census gives rows for rows and statements for statements.
        (Step::Skip | Step::Rows { .. } | Step::Run { .. }, _) => Ok(()),
    }
}
