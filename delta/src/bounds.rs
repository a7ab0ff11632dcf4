//! How much of anything a patch may hold. What the applier keeps in memory follows from these: an encoded frame, its output and
//! its unpacked streams, 27 MiB at the very most.

/// Largest output of a frame, bytes. The default, too: a smaller one compresses worse.
pub const FRAME_BYTES: u32 = 8 << 20;
/// Smallest frame that a patch may be cut into, bytes: a slot's write is a multiple of a disk block.
pub const FRAME_BYTES_LEAST: u32 = 4096;
/// An encoded frame may be longer than its output by this, bytes: what zstd adds to what it cannot compress, and the lengths.
pub const ENCODED_SLACK_BYTES: u32 = 64 << 10;
/// Most images of a patch.
pub const IMAGES: u32 = 8;
/// Most frames of a patch: 32 GiB of output.
pub const FRAMES: u32 = 4096;
/// Longest name of an image, bytes.
pub const NAME_BYTES: usize = 32;
/// Longest stream of control numbers or run lengths, unpacked, bytes. A frame with more of them is better sent whole.
pub const NUMBERS_BYTES: u32 = 1 << 20;
