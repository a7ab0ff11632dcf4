//! A snapshot carried off the box: tar, zstd, age, in pieces that fit every stick, signed by the box. Each piece is an age file of
//! its own: what was whole on a stick that was pulled stays good, and stock tools open the rest
//! (`for p in *.age; do age -d -i KEY "$p"; done | zstd -d | tar x`). docs/architecture.md, "Copies of snapshots".

mod archive;
pub mod bill;
mod contents;
mod error;
mod estimate;
mod kept;
pub(in crate::snapshot) mod links;
mod pieces;
mod plan;
mod sink;
#[cfg(test)]
pub(crate) mod tests;

pub use error::ExportError;
pub use plan::{Plan, plan};

use std::io::Write;
use std::path::{Path, PathBuf};

use self::bill::{Bill, Signed};
use self::pieces::Pieces;
use self::sink::Sink;
use super::left_out::LeftOut;
use crate::box_key::BoxKey;
use crate::places::Places;
use crate::recovery;
use crate::system::durable::{self, Growing, Owner};
use crate::system::lock;

/// Ending of a whole export's directory.
pub const WHOLE: &str = ".posto";
/// And while it is not whole.
pub const PARTIAL: &str = ".posto.partial";
/// What a pulled stick costs at most, written again; far below FAT32's 4 GiB.
pub const PIECE_BYTES: u64 = 256 << 20;
/// zstd's own default: faster than any stick.
const LEVEL: i32 = 3;

/// How far an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Pieces of an earlier attempt are read.
    Checking {
        /// How many were found good.
        pieces: usize,
    },
    /// Content is packed.
    Packing {
        /// Bytes of the snapshot read.
        done: u64,
        /// Of so many.
        all: u64,
        /// Pieces that are whole and verified.
        pieces: usize,
    },
}

/// What was exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    /// The export's own directory; `None`: it went to a stream.
    pub path: Option<PathBuf>,
    /// Its name.
    pub name: String,
    /// Sum of the pieces.
    pub bytes: u64,
    /// How many.
    pub pieces: usize,
    /// Of these, already there from an earlier attempt.
    pub kept: usize,
    /// What it does not carry.
    pub left_out: LeftOut,
    /// It had been there before, whole.
    pub was_there: bool,
}

/// Exports into the directory `to`, or goes on where a pulled stick ended it.
///
/// # Errors
/// [`ExportError`]: what was whole stays for the next attempt, and nothing bears a whole export's name.
pub fn to_directory(
    places: &Places,
    plan: &Plan,
    to: &Path,
    say: &mut dyn FnMut(Progress),
) -> Result<Exported, ExportError> {
    let _one = one_at_a_time(places)?;
    let key = BoxKey::read(places)?;
    let (whole, partial) = (to.join(plan.whole()), to.join(plan.partial()));
    if whole.exists() {
        let bill = kept::whole(&whole, plan, &key.public())?;
        return Ok(Exported {
            was_there: true,
            kept: bill.pieces.len(),
            ..exported(plan, &bill, Some(whole))
        });
    }
    durable::medium_directory(&partial)?;
    let kept = kept::pieces(places, &partial, plan, say)?;
    let count = kept.len();
    let mut sink = Sink::directory(partial.clone());
    let (bill, kept) = match pack(places, plan, &key, &mut sink, kept, say) {
        Ok(bill) => (bill, count),
        // Packed by another release, or not by us: none of it fits.
        Err(ExportError::Changed) => {
            kept::remove(&partial)?;
            kept::begin(&partial, plan)?;
            (pack(places, plan, &key, &mut sink, Vec::new(), say)?, 0)
        }
        Err(other) => return Err(other),
    };
    kept::only(&partial, &bill)?;
    durable::rename(&partial, &whole)?;
    Ok(Exported {
        kept,
        ..exported(plan, &bill, Some(whole))
    })
}

/// Exports into `out` as one tar file of the same directory. One piece at a time lies on the data disk meanwhile.
///
/// # Errors
/// [`ExportError`]: what was written so far is no whole export, and an import says so.
pub fn to_stream(
    places: &Places,
    plan: &Plan,
    out: Box<dyn Write>,
    say: &mut dyn FnMut(Progress),
) -> Result<Exported, ExportError> {
    let _one = one_at_a_time(places)?;
    let key = BoxKey::read(places)?;
    let scratch = places.staging().join("snapshot-export");
    durable::remove(&scratch)?;
    durable::directory(&scratch, Owner::mode(0o700))?;
    let mut sink = Sink::stream(scratch.clone(), plan.whole(), out);
    let packed = pack(places, plan, &key, &mut sink, Vec::new(), say);
    let ended = packed.and_then(|bill| sink.end().map(|()| bill));
    durable::remove(&scratch)?;
    Ok(exported(plan, &ended?, None))
}

fn exported(plan: &Plan, bill: &Bill, path: Option<PathBuf>) -> Exported {
    Exported {
        path,
        name: plan.whole(),
        bytes: bill.pieces.iter().map(|piece| piece.bytes).sum(),
        pieces: bill.pieces.len(),
        kept: 0,
        left_out: plan.contents.left_out.clone(),
        was_there: false,
    }
}

fn pack(
    places: &Places,
    plan: &Plan,
    key: &BoxKey,
    sink: &mut Sink,
    kept: Vec<kept::Kept>,
    say: &mut dyn FnMut(Progress),
) -> Result<Bill, ExportError> {
    let sealed = recovery::sealed(places)?.ok_or(recovery::RecoveryError::Missing)?;
    let pieces = Pieces::new(sink, &plan.recipients, plan.piece_bytes, kept);
    let pieces = compress(plan, pieces, say).map_err(ExportError::of_packing)?;
    let bill = Bill {
        what: bill::WHAT.to_string(),
        format: bill::FORMAT,
        signer: key.public(),
        manifest: plan.snapshot.manifest.clone(),
        content_bytes: plan.contents.bytes(),
        entries: plan.contents.count(),
        left_out: plan.contents.left_out.clone(),
        recovery_sha256: bill::sha256(&sealed),
        pieces,
    };
    let Signed { text, signature } = bill.signed(key);
    for (name, content) in [
        (bill::RECOVERY_FILE, sealed),
        (bill::SIGNATURE_FILE, signature),
        (bill::FILE, text),
    ] {
        let path = sink.path(name);
        let mut file = Growing::begin(&path)?;
        file.write_all(&content)
            .map_err(|source| ExportError::Target {
                path: path.clone(),
                source,
            })?;
        file.finish()?;
        sink.pass_on(name)?;
    }
    Ok(bill)
}

fn compress(
    plan: &Plan,
    pieces: Pieces<'_>,
    say: &mut dyn FnMut(Progress),
) -> std::io::Result<Vec<bill::Piece>> {
    let whole = pieces.counter();
    let mut encoder = zstd::Encoder::new(pieces, LEVEL)?;
    encoder.include_checksum(true)?;
    let mut tell = |done| {
        say(Progress::Packing {
            done,
            all: plan.contents.bytes(),
            pieces: whole.get(),
        });
    };
    let directory = &plan.snapshot.directory;
    let encoder = archive::write(directory, &plan.contents, encoder, &mut tell)?;
    encoder.finish()?.finish()
}

/// Two at a time would take each other's partial pieces.
fn one_at_a_time(places: &Places) -> Result<std::fs::File, ExportError> {
    let path = places.snapshot_export_lock();
    match lock::try_hold(&path) {
        Ok(held) => held.ok_or(ExportError::Busy),
        Err(source) => Err(ExportError::Target { path, source }),
    }
}
