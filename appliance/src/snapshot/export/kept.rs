//! What an earlier attempt left on the stick. Nothing of it is believed for its name: a piece is good when it decrypts to what would
//! be packed now.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bill::{self, Bill, Piece};
use super::pieces::digest_on_medium;
use super::{ExportError, Plan, Progress};
use crate::box_key::PublicKey;
use crate::places::Places;
use crate::recovery;
use crate::system::durable::{self, Growing};

/// For whom and how the pieces of an unfinished export were made.
const BEGUN: &str = "begun.json";
const LIMIT_BYTES: u64 = 64 * 1024;
const BUFFER_BYTES: usize = 1 << 20;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Begun {
    recipients: Vec<String>,
    piece_bytes: u64,
}

/// A piece that decrypts.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) piece: Piece,
    /// Of what is in it.
    pub(super) plain: sha2::digest::Output<Sha256>,
}

/// Says for whom and how.
pub(super) fn begin(partial: &Path, plan: &Plan) -> Result<(), ExportError> {
    let path = partial.join(BEGUN);
    let text = serde_json::to_vec(&begun(plan)).unwrap_or_default();
    let mut file = Growing::begin(&path)?;
    file.write_all(&text)
        .map_err(|source| ExportError::Target { path, source })?;
    Ok(file.finish()?)
}

fn begun(plan: &Plan) -> Begun {
    Begun {
        recipients: plan.recipients(),
        piece_bytes: plan.piece_bytes,
    }
}

/// The first pieces of an earlier attempt, as many as are good in a row.
pub(super) fn pieces(
    places: &Places,
    partial: &Path,
    plan: &Plan,
    say: &mut dyn FnMut(Progress),
) -> Result<Vec<Kept>, ExportError> {
    let found = durable::read(&partial.join(BEGUN), LIMIT_BYTES)
        .ok()
        .flatten()
        .and_then(|bytes| serde_json::from_slice::<Begun>(&bytes).ok());
    if found != Some(begun(plan)) {
        remove(partial)?;
        begin(partial, plan)?;
        return Ok(Vec::new());
    }
    let identity = recovery::identity(places)?;
    let mut kept = Vec::new();
    while kept.len() < bill::PIECES_LIMIT {
        let name = bill::piece_name(kept.len());
        let path = partial.join(&name);
        // What cannot be read or does not decrypt is made again.
        let Some(plain) = plain_of(&path, &identity) else {
            break;
        };
        let (bytes, sha256) = digest_on_medium(&path)?;
        kept.push(Kept {
            piece: Piece {
                name,
                bytes,
                sha256,
            },
            plain,
        });
        let pieces = kept.len();
        say(Progress::Checking { pieces });
    }
    Ok(kept)
}

fn plain_of(path: &Path, identity: &age::x25519::Identity) -> Option<sha2::digest::Output<Sha256>> {
    let file = BufReader::with_capacity(BUFFER_BYTES, File::open(path).ok()?);
    let identities = std::iter::once(identity as &dyn age::Identity);
    let mut plain = age::Decryptor::new_buffered(file)
        .ok()?
        .decrypt(identities)
        .ok()?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        match plain.read(&mut buffer).ok()? {
            0 => return Some(digest.finalize()),
            read => digest.update(buffer.get(..read)?),
        }
    }
}

/// Empties the unfinished export.
pub(super) fn remove(partial: &Path) -> Result<(), ExportError> {
    durable::remove(partial)?;
    Ok(durable::medium_directory(partial)?)
}

/// Removes what does not belong to the whole export: this file of ours, and pieces of a longer attempt.
pub(super) fn only(partial: &Path, bill: &Bill) -> Result<(), ExportError> {
    let failed = |source| ExportError::Target {
        path: partial.to_path_buf(),
        source,
    };
    for entry in std::fs::read_dir(partial).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let ours = [bill::FILE, bill::SIGNATURE_FILE, bill::RECOVERY_FILE];
        let belongs = ours.iter().any(|known| name == *known)
            || bill.pieces.iter().any(|piece| name == piece.name.as_str());
        if !belongs {
            durable::remove(&entry.path())?;
        }
    }
    Ok(())
}

/// The bill of an export that bears the whole one's name already: of this box and this snapshot, and as long as it says.
pub(super) fn whole(directory: &Path, plan: &Plan, key: &PublicKey) -> Result<Bill, ExportError> {
    let damaged = || ExportError::InTheWay(directory.to_path_buf());
    let read = |name: &str, limit| durable::read(&directory.join(name), limit);
    let text = read(bill::FILE, bill::LIMIT_BYTES)?.ok_or_else(damaged)?;
    let signature = read(bill::SIGNATURE_FILE, bill::SIGNATURE_LIMIT_BYTES)?;
    let bill = Bill::read(&text, &signature.ok_or_else(damaged)?).map_err(|_| damaged())?;
    if bill.signer != *key || bill.manifest != plan.snapshot.manifest {
        return Err(damaged());
    }
    for piece in &bill.pieces {
        let there = digest_on_medium(&directory.join(&piece.name))?;
        if there != (piece.bytes, piece.sha256.clone()) {
            return Err(damaged());
        }
    }
    Ok(bill)
}
