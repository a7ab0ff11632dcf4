//! Writes an image from a patch, frame by frame, so that it can stop and go on at any frame.
//!
//! A frame is read up to the length that the index says, its hash is checked, it is unpacked in memory, the hash of what came out is
//! checked, and only then it is written and flushed. Whoever downloads hands the frames' bytes in by [`Applier::frame`]; [`image`]
//! does it from a whole patch.

use std::io::Read;

use sha2::{Digest, Sha256};

use crate::frame::{Decoder, FrameError};
use crate::index::{Frame, Hash, Image, Index};
use crate::storage::{ReadAt, WriteAt};

/// Why an image is not written to its end. What was written before is right and stays.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The patch cannot be read, or ends too early.
    #[error(
        "frame {number} of the patch cannot be read: {source}; nothing of it was written, fetch the rest of the patch and go on"
    )]
    Patch {
        /// The frame.
        number: usize,
        /// What the reader said.
        source: std::io::Error,
    },
    /// The frame's bytes are others than the index says. Nothing of it was unpacked.
    #[error("frame {number} of the patch is damaged; nothing of it was written, fetch it again")]
    Damaged {
        /// The frame.
        number: usize,
    },
    /// What the patch was made against is not what lies here.
    #[error(
        "the patch was made against another base: frame {number} does not give what it should ({what}); nothing of it was written, \
         take whole frames instead"
    )]
    OtherBase {
        /// The frame.
        number: usize,
        /// How it was seen.
        what: &'static str,
    },
    /// The frame is as it was published, and no frame.
    #[error(
        "frame {number} of the patch is badly made ({source}); nothing of it was written, take whole frames instead"
    )]
    BadlyMade {
        /// The frame.
        number: usize,
        /// What is wrong with it.
        source: FrameError,
    },
    /// The running slot cannot be read.
    #[error(
        "the running release cannot be read for frame {number}: {source}; nothing of the frame was written, take whole frames instead"
    )]
    Base {
        /// The frame.
        number: usize,
        /// What the disk said.
        source: std::io::Error,
    },
    /// The new slot cannot be written.
    #[error(
        "frame {number} cannot be written: {source}; the running release is not touched, look at the disk"
    )]
    Write {
        /// The frame.
        number: usize,
        /// What the disk said.
        source: std::io::Error,
    },
    /// There is no memory for the decoder.
    #[error("no memory for unpacking: {0}; nothing was written, try again")]
    Memory(std::io::Error),
    /// The image's number is none of the patch's.
    #[error("the patch has no image number {0}; nothing was written")]
    NoImage(usize),
}

/// Applies frames; keeps its memory (at most 27 MiB, see [`crate::bounds`]) from one to the next.
#[derive(Debug)]
pub struct Applier {
    decoder: Decoder,
    encoded: Vec<u8>,
}

impl Applier {
    /// An applier.
    ///
    /// # Errors
    /// When there is no memory.
    pub fn new() -> Result<Self, ApplyError> {
        Ok(Self {
            decoder: Decoder::new().map_err(ApplyError::Memory)?,
            encoded: Vec::new(),
        })
    }

    /// Takes exactly the frame's bytes off `patch`, and writes the frame to `target` when all of it is right.
    ///
    /// # Errors
    /// When it is not; nothing of this frame is written then, except after [`ApplyError::Write`].
    pub fn frame(
        &mut self,
        frame: &Frame,
        patch: &mut impl Read,
        base: &(impl ReadAt + ?Sized),
        target: &(impl WriteAt + ?Sized),
    ) -> Result<(), ApplyError> {
        let number = frame.number;
        // Bounded by the index: at most the output and a little more.
        self.encoded.clear();
        self.encoded.resize(frame.entry.encoded_bytes as usize, 0);
        patch
            .read_exact(&mut self.encoded)
            .map_err(|source| ApplyError::Patch { number, source })?;
        if sha256(&self.encoded) != frame.entry.encoded_sha256 {
            return Err(ApplyError::Damaged { number });
        }
        let output = self
            .decoder
            .decode(&self.encoded, frame.output_bytes, base)
            .map_err(|error| match error {
                FrameError::BaseEnds => ApplyError::OtherBase {
                    number,
                    what: "it is shorter",
                },
                FrameError::Base(source) => ApplyError::Base { number, source },
                source => ApplyError::BadlyMade { number, source },
            })?;
        if sha256(output) != frame.entry.output_sha256 {
            return Err(ApplyError::OtherBase {
                number,
                what: "another hash",
            });
        }
        target
            .write_all_at(output, frame.output_at)
            // Flushed one by one: a few megabytes at a time do not make the clinic's disk stand still.
            .and_then(|()| target.flush())
            .map_err(|source| ApplyError::Write { number, source })
    }
}

/// Writes one image of a whole patch, from its frame `from` (counted within the image) on; `progress` is told how many of the image's
/// frames are written and flushed.
///
/// # Errors
/// The first frame that does not work; call again with the number that `progress` was told last.
pub fn image(
    index: &Index,
    image: usize,
    from: usize,
    patch: &(impl ReadAt + ?Sized),
    base: &(impl ReadAt + ?Sized),
    target: &(impl WriteAt + ?Sized),
    mut progress: impl FnMut(usize),
) -> Result<(), ApplyError> {
    if index.images().get(image).is_none() {
        return Err(ApplyError::NoImage(image));
    }
    let mut applier = Applier::new()?;
    for (done, frame) in index.frames_of(image).enumerate().skip(from) {
        let mut bytes = Piece {
            patch,
            at: frame.encoded_at,
        };
        applier.frame(frame, &mut bytes, base, target)?;
        progress(done + 1);
    }
    Ok(())
}

/// Whether `running` (the verity root hash of the slot that would be the base) is what the image was patched against. The kernel
/// checks every block of such a slot, so nothing needs to be read for this. An image without a base asks for none.
#[must_use]
pub fn base_fits(image: &Image, running: &Hash) -> bool {
    image.base.bytes == 0 || image.base.root_hash == *running
}

struct Piece<'a, P: ?Sized> {
    patch: &'a P,
    at: u64,
}

impl<P: ReadAt + ?Sized> Read for Piece<'_, P> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.patch.read_exact_at(buffer, self.at)?;
        self.at += buffer.len() as u64;
        Ok(buffer.len())
    }
}

pub(crate) fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}
