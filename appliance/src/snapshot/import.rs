//! An export brought in: from another box or from an earlier life of this one. Nothing of it is believed before a known box's
//! signature fits; pieces are hashed before they are decrypted, and once more while they are; names and sizes are bounded. It
//! stands on the shelf unproven until it is proven here.

mod chain;
mod error;
mod source;
#[cfg(test)]
mod tests;
mod unpack;

pub use error::ImportError;
pub use source::Source;

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::Duration;

use age::x25519::Identity;

use self::chain::Chain;
use super::export::bill::{self, Bill};
use super::id::Id;
use super::left_out::LeftOut;
use super::manifest::{self, Manifest, Reason};
use super::moment;
use super::shelf::Shelf;
use crate::box_key::{BoxKey, Fingerprint, PublicKey};
use crate::facility::{self, KnownBox};
use crate::guards::disk;
use crate::places::Places;
use crate::recovery;
use crate::system::durable::{self, Owner};
use crate::system::lock;

/// The manifest as it came; the shelf's says when and as what it came here.
pub const ORIGIN: &str = "imported.json";
/// zstd's window: 128 MiB, its own default bound.
const WINDOW_LOG_MAX: u32 = 27;
/// After the archive's end only its padding may come.
const TRAILING_LIMIT_BYTES: u64 = 1 << 20;

/// An export whose signature fits a signer that is believed.
#[derive(Debug)]
pub struct Accepted {
    source: Source,
    bill: Bill,
}

/// How far an import is: bytes of pieces read, of how many, and which piece.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Read.
    pub done: u64,
    /// Of so many.
    pub all: u64,
    /// The piece, from 1.
    pub piece: usize,
}

/// Whether copies that `signer` signed are taken: this box's own, those of boxes in the facility file, and one that a person
/// accepts by its fingerprint. Pure.
#[must_use]
pub fn believed(
    signer: &PublicKey,
    own: Option<PublicKey>,
    boxes: &[KnownBox],
    accepted: Option<Fingerprint>,
) -> bool {
    own == Some(*signer)
        || boxes.iter().any(|known| known.key == *signer)
        || accepted == Some(signer.fingerprint())
}

/// Reads the bill and checks who signed it.
///
/// # Errors
/// [`ImportError`]; nothing was brought in.
pub fn accept(
    places: &Places,
    path: &Path,
    accepted: Option<Fingerprint>,
) -> Result<Accepted, ImportError> {
    let source = Source::open(path)?;
    let text = source.small(bill::FILE, bill::LIMIT_BYTES)?;
    let signature = source.small(bill::SIGNATURE_FILE, bill::SIGNATURE_LIMIT_BYTES)?;
    let bill = Bill::read(&text, &signature)?;
    let (facility, _) = facility::in_force(places);
    let own = BoxKey::read(places).ok().map(|key| key.public());
    if !believed(&bill.signer, own, &facility.boxes, accepted) {
        return Err(ImportError::UnknownSigner {
            fingerprint: bill.signer.fingerprint(),
            facility: bill.manifest.facility.chars().take(63).collect(),
        });
    }
    Ok(Accepted { source, bill })
}

impl Accepted {
    /// What the snapshot says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.bill.manifest
    }

    /// Sum of the files' lengths, bytes.
    #[must_use]
    pub fn content_bytes(&self) -> u64 {
        self.bill.content_bytes
    }

    /// What of the snapshot the copy does not carry.
    #[must_use]
    pub fn left_out(&self) -> &LeftOut {
        &self.bill.left_out
    }

    /// The recovery identity that goes along, to be opened with the recovery code ([`recovery::open`]).
    ///
    /// # Errors
    /// [`ImportError`] when it is not there or not as the box signed it.
    pub fn sealed_identity(&self) -> Result<Vec<u8>, ImportError> {
        let limit = recovery::SEALED_LIMIT_BYTES;
        let sealed = self.source.small(bill::RECOVERY_FILE, limit)?;
        if bill::sha256(&sealed) == self.bill.recovery_sha256 {
            Ok(sealed)
        } else {
            Err(ImportError::Piece(bill::RECOVERY_FILE.to_string()))
        }
    }

    /// Whether one of the identities opens it: the first piece's head tells.
    ///
    /// # Errors
    /// [`ImportError`] when the piece cannot be read or is no age file.
    pub fn opens_with(&self, identities: &[Identity]) -> Result<bool, ImportError> {
        let name = bill::piece_name(0);
        let reader = self.source.open_file(&name)?;
        let damaged = |_| ImportError::Piece(name.clone());
        let head = age::Decryptor::new_buffered(reader).map_err(damaged)?;
        let keys = identities.iter().map(|key| key as &dyn age::Identity);
        match head.decrypt(keys) {
            Ok(_) => Ok(true),
            Err(age::DecryptError::NoMatchingKeys) => Ok(false),
            Err(error) => Err(damaged(error)),
        }
    }

    /// Whether there is room for it on the data disk.
    ///
    /// # Errors
    /// [`ImportError::NoRoom`].
    pub fn check_room(&self, places: &Places) -> Result<(), ImportError> {
        let Some(room) = disk::room(places) else {
            return Ok(());
        };
        let after = disk::Room {
            room_bytes: room.room_bytes.saturating_sub(self.bill.content_bytes),
            ..room
        };
        if after.is_low() {
            return Err(ImportError::NoRoom {
                needed_bytes: self.bill.content_bytes,
                free_bytes: room.room_bytes,
            });
        }
        Ok(())
    }

    /// Brings it in as a new snapshot, unproven. `unix_s` is the wall clock's time, `since_boot` the time since boot.
    ///
    /// # Errors
    /// [`ImportError`]; nothing of it stands on the shelf then.
    pub fn bring_in(
        &self,
        places: &Places,
        identities: &[Identity],
        (unix_s, since_boot): (u64, Duration),
        say: &mut dyn FnMut(Progress),
    ) -> Result<Id, ImportError> {
        let _one = one_at_a_time(places)?;
        self.check_room(places)?;
        let staging = places.staging().join("snapshot-import");
        durable::remove(&staging)?;
        durable::directory(&staging, Owner::mode(0o700))?;
        let landed = self
            .unpack(&staging, identities, say)
            // Flushed before the shelf is taken: others wait for it.
            .and_then(|()| Ok(durable::sync_tree(&staging)?))
            .and_then(|()| self.land(places, &staging, unix_s, since_boot));
        // What failed is of no use to anybody; what landed is not here any more.
        let removed = durable::remove(&staging);
        let id = landed?;
        removed?;
        Ok(id)
    }

    fn unpack(
        &self,
        staging: &Path,
        identities: &[Identity],
        say: &mut dyn FnMut(Progress),
    ) -> Result<(), ImportError> {
        let chain = Chain::new(&self.source, &self.bill, identities, say);
        let mut decoder = zstd::Decoder::new(chain).map_err(ImportError::of_reading)?;
        decoder
            .window_log_max(WINDOW_LOG_MAX)
            .map_err(ImportError::of_reading)?;
        unpack::unpack(&mut decoder, staging, &self.bill)?;
        // To the last piece: its end is checked, too.
        let mut rest = (&mut decoder).take(TRAILING_LIMIT_BYTES);
        std::io::copy(&mut rest, &mut std::io::sink()).map_err(ImportError::of_reading)?;
        if decoder.finish().into_inner().is_at_end() {
            Ok(())
        } else {
            Err(ImportError::Contents(
                "there is more in it than was signed".into(),
            ))
        }
    }

    fn land(
        &self,
        places: &Places,
        staging: &Path,
        unix_s: u64,
        since_boot: Duration,
    ) -> Result<Id, ImportError> {
        let mut shelf = Shelf::open(places)?;
        let before = shelf
            .snapshots()?
            .pop()
            .map(|newest| newest.manifest.moment);
        let origin = Manifest::read(staging)?;
        let unfinished = shelf.begin()?;
        let manifest = Manifest {
            id: unfinished.id,
            moment: moment::now(places, before.as_ref(), unix_s, since_boot),
            reason: Reason::Imported {
                facility: origin.facility.clone(),
                id: origin.id,
            },
            left_out: self.bill.left_out.clone(),
            ..origin
        };
        let moved = [
            ("database", "database"),
            ("openmrs", "openmrs"),
            (manifest::FILE, ORIGIN),
        ]
        .into_iter()
        .try_for_each(|(from, to)| {
            durable::rename(&staging.join(from), &unfinished.directory.join(to))
        });
        match moved {
            Ok(()) => Ok(shelf.finish(unfinished, &manifest)?),
            Err(error) => {
                shelf.discard(unfinished)?;
                Err(error.into())
            }
        }
    }
}

fn one_at_a_time(places: &Places) -> Result<File, ImportError> {
    let path = places.snapshot_import_lock();
    match lock::try_hold(&path) {
        Ok(held) => held.ok_or(ImportError::Busy),
        Err(source) => Err(ImportError::Read { path, source }),
    }
}
