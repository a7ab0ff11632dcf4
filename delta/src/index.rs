//! The head of a patch: which images it makes from which, and what each frame must be.
//!
//! Little-endian: `postodlt`, version u32, frame bytes u32, images u32, frames u32; 176 bytes for each image; 68 for each frame;
//! SHA-256 of all of that. The frames' bytes follow back to back, so that no place in the file needs to be believed.

use std::io::Read;

use sha2::{Digest, Sha256};

use crate::bounds;

/// First bytes of a patch.
pub const MAGIC: [u8; 8] = *b"postodlt";
/// Version of the format.
pub const VERSION: u32 = 1;
const HEAD_BYTES: usize = 24;
const IMAGE_BYTES: usize = bounds::NAME_BYTES + 2 * (8 + 32 + 32);
const FRAME_ENTRY_BYTES: usize = 4 + 32 + 32;

/// A SHA-256.
pub type Hash = [u8; 32];

/// One side of an image: the old one or the new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Side {
    /// Length in bytes; 0 for the old one: there is no base, every frame is whole.
    pub bytes: u64,
    /// SHA-256 of all of it.
    pub sha256: Hash,
    /// dm-verity root hash; zeros where there is none.
    pub root_hash: Hash,
}

/// An image of the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Name of its file in the release directory.
    pub name: String,
    /// What the patch was made against.
    pub base: Side,
    /// What it makes.
    pub target: Side,
}

/// A frame as the index has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Length of its bytes in the patch.
    pub encoded_bytes: u32,
    /// SHA-256 of its bytes in the patch: checked before anything is unpacked.
    pub encoded_sha256: Hash,
    /// SHA-256 of its output: checked before anything is written.
    pub output_sha256: Hash,
}

/// Where a frame belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// Its number, from 0, through all images.
    pub number: usize,
    /// Number of the image.
    pub image: usize,
    /// Where its bytes begin in the patch.
    pub encoded_at: u64,
    /// Where its output begins in the image.
    pub output_at: u64,
    /// Length of its output: the frame size, less in an image's last one.
    pub output_bytes: u32,
    /// Its lengths and hashes.
    pub entry: Entry,
}

/// A patch's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    frame_bytes: u32,
    images: Vec<Image>,
    frames: Vec<Frame>,
    head_bytes: u64,
}

/// Why something is no patch. Nothing was written in any of these cases.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// It cannot be read.
    #[error("the patch cannot be read: {0}; nothing was written, fetch it again")]
    Read(#[from] std::io::Error),
    /// Another kind of file.
    #[error("this is not a Posto patch; nothing was written")]
    Magic,
    /// Made by a later program.
    #[error(
        "the patch has format {0}, this program reads {VERSION}; nothing was written, take the whole release instead"
    )]
    Version(u32),
    /// The hash over the head is another one.
    #[error("the head of the patch is damaged; nothing was written, fetch it again")]
    Damaged,
    /// Lengths or names that no maker writes.
    #[error(
        "the head of the patch says something impossible ({0}); nothing was written, take the whole release instead"
    )]
    Impossible(&'static str),
}

impl Index {
    /// Puts a head together; `entries` holds each image's frames in their order.
    ///
    /// # Errors
    /// When it is beyond the bounds.
    pub fn new(
        frame_bytes: u32,
        images: Vec<Image>,
        entries: &[Entry],
    ) -> Result<Self, IndexError> {
        let impossible = |what| Err(IndexError::Impossible(what));
        if !(bounds::FRAME_BYTES_LEAST..=bounds::FRAME_BYTES).contains(&frame_bytes) {
            return impossible("the frame size");
        }
        if images.len() > bounds::IMAGES as usize || entries.len() > bounds::FRAMES as usize {
            return impossible("too many images or frames");
        }
        let head_bytes = head_bytes(images.len(), entries.len());
        let mut frames = Vec::with_capacity(entries.len());
        let mut entries = entries.iter();
        let mut encoded_at = head_bytes;
        for (number, image) in images.iter().enumerate() {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
            let name = image.name.as_bytes();
            let fits = !name.is_empty() && name.len() <= bounds::NAME_BYTES;
            if !fits || name.starts_with(b".") || !name.iter().all(|byte| plain(*byte)) {
                return impossible("an image's name");
            }
            let mut output_at = 0;
            while output_at < image.target.bytes {
                let Some(entry) = entries.next() else {
                    return impossible("too few frames");
                };
                let left = image.target.bytes - output_at;
                let output_bytes = u32::try_from(left).unwrap_or(u32::MAX).min(frame_bytes);
                if entry.encoded_bytes > output_bytes + bounds::ENCODED_SLACK_BYTES {
                    return impossible("a frame longer than what it makes");
                }
                frames.push(Frame {
                    number: frames.len(),
                    image: number,
                    encoded_at,
                    output_at,
                    output_bytes,
                    entry: *entry,
                });
                encoded_at += u64::from(entry.encoded_bytes);
                output_at += u64::from(output_bytes);
            }
        }
        if entries.next().is_some() {
            return impossible("too many frames");
        }
        Ok(Self {
            frame_bytes,
            images,
            frames,
            head_bytes,
        })
    }

    /// Reads the head of a patch; takes exactly [`Index::head_bytes`] off the reader.
    ///
    /// # Errors
    /// When it is cut, damaged, of another version or impossible.
    pub fn read(patch: &mut impl Read) -> Result<Self, IndexError> {
        let mut head = vec![0; HEAD_BYTES];
        patch.read_exact(&mut head)?;
        let mut fields = head.as_slice();
        if take::<8>(&mut fields) != Some(MAGIC) {
            return Err(IndexError::Magic);
        }
        let version = take_u32(&mut fields)?;
        if version != VERSION {
            return Err(IndexError::Version(version));
        }
        let (frame_bytes, images, frames) = (
            take_u32(&mut fields)?,
            take_u32(&mut fields)?,
            take_u32(&mut fields)?,
        );
        // Memory is taken for what these say, before the hash over them is known to be right.
        if images > bounds::IMAGES || frames > bounds::FRAMES {
            return Err(IndexError::Impossible("too many images or frames"));
        }
        let body_bytes = images as usize * IMAGE_BYTES + frames as usize * FRAME_ENTRY_BYTES;
        let mut body = vec![0; body_bytes];
        patch.read_exact(&mut body)?;
        let mut hash = [0; 32];
        patch.read_exact(&mut hash)?;
        let found: Hash = Sha256::new()
            .chain_update(&head)
            .chain_update(&body)
            .finalize()
            .into();
        if found != hash {
            return Err(IndexError::Damaged);
        }
        let mut fields = body.as_slice();
        let images = (0..images)
            .map(|_| take_image(&mut fields))
            .collect::<Result<_, _>>()?;
        let entries = (0..frames)
            .map(|_| {
                Ok(Entry {
                    encoded_bytes: take_u32(&mut fields)?,
                    encoded_sha256: take_hash(&mut fields)?,
                    output_sha256: take_hash(&mut fields)?,
                })
            })
            .collect::<Result<Vec<_>, IndexError>>()?;
        Self::new(frame_bytes, images, &entries)
    }

    /// The head's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        for number in [
            VERSION,
            self.frame_bytes,
            self.images.len() as u32,
            self.frames.len() as u32,
        ] {
            out.extend(number.to_le_bytes());
        }
        for image in &self.images {
            let mut name = image.name.clone().into_bytes();
            name.resize(bounds::NAME_BYTES, 0);
            out.extend(name);
            for side in [&image.base, &image.target] {
                out.extend(side.bytes.to_le_bytes());
                out.extend(side.sha256);
                out.extend(side.root_hash);
            }
        }
        for frame in &self.frames {
            out.extend(frame.entry.encoded_bytes.to_le_bytes());
            out.extend(frame.entry.encoded_sha256);
            out.extend(frame.entry.output_sha256);
        }
        let hash = Sha256::digest(&out);
        out.extend(hash);
        out
    }

    /// The images, in the order of their frames.
    #[must_use]
    pub fn images(&self) -> &[Image] {
        &self.images
    }

    /// The frames of all images.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames of one image.
    pub fn frames_of(&self, image: usize) -> impl Iterator<Item = &Frame> {
        self.frames.iter().filter(move |frame| frame.image == image)
    }

    /// Length of the head, bytes: the first frame begins there.
    #[must_use]
    pub fn head_bytes(&self) -> u64 {
        self.head_bytes
    }

    /// Length of the whole patch, bytes.
    #[must_use]
    pub fn patch_bytes(&self) -> u64 {
        self.frames.last().map_or(self.head_bytes, |last| {
            last.encoded_at + u64::from(last.entry.encoded_bytes)
        })
    }
}

fn head_bytes(images: usize, frames: usize) -> u64 {
    (HEAD_BYTES + images * IMAGE_BYTES + frames * FRAME_ENTRY_BYTES + 32) as u64
}

fn take<const N: usize>(fields: &mut &[u8]) -> Option<[u8; N]> {
    let (field, rest) = fields.split_first_chunk::<N>()?;
    *fields = rest;
    Some(*field)
}

/// The lengths were checked before: a field that is not there is a mistake of ours, and is refused like one of the maker's.
fn take_u32(fields: &mut &[u8]) -> Result<u32, IndexError> {
    take(fields)
        .map(u32::from_le_bytes)
        .ok_or(IndexError::Impossible("its length"))
}

fn take_hash(fields: &mut &[u8]) -> Result<Hash, IndexError> {
    take(fields).ok_or(IndexError::Impossible("its length"))
}

fn take_side(fields: &mut &[u8]) -> Result<Side, IndexError> {
    Ok(Side {
        bytes: take(fields)
            .map(u64::from_le_bytes)
            .ok_or(IndexError::Impossible("its length"))?,
        sha256: take_hash(fields)?,
        root_hash: take_hash(fields)?,
    })
}

fn take_image(fields: &mut &[u8]) -> Result<Image, IndexError> {
    let name: [u8; bounds::NAME_BYTES] =
        take(fields).ok_or(IndexError::Impossible("its length"))?;
    let length = name
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    let name = name.get(..length).unwrap_or_default();
    Ok(Image {
        name: String::from_utf8(name.to_vec())
            .map_err(|_| IndexError::Impossible("an image's name"))?,
        base: take_side(fields)?,
        target: take_side(fields)?,
    })
}
