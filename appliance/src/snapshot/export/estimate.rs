//! How large an export will be: samples spread over the whole content are compressed.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::contents::Contents;
use super::{ExportError, LEVEL};

const SAMPLE_BYTES: u64 = 128 * 1024;
/// 25 MB: less than a second.
const SAMPLES: u64 = 200;
/// Samples miss what a whole window finds, but what is rare and hard to compress may lie between them.
const MARGIN_PERCENT: u64 = 110;
/// Heads, bill, recovery key, the medium's own directory.
const FIXED_BYTES: u64 = 1 << 20;

/// Bytes, about; rather too many.
pub(super) fn estimate(directory: &Path, contents: &Contents) -> Result<u64, ExportError> {
    let all = contents.bytes();
    let every = (all / SAMPLES).max(SAMPLE_BYTES);
    let (mut sampled, mut packed) = (0u64, 0u64);
    let (mut begin, mut next) = (0u64, 0u64);
    let mut buffer = vec![0; usize::try_from(SAMPLE_BYTES).unwrap_or_default()];
    for entry in &contents.entries {
        let Some(bytes) = entry.bytes() else { continue };
        let end = begin.saturating_add(bytes);
        if next < end {
            let path = directory.join(&entry.path);
            let failed = |source| ExportError::Read {
                path: path.clone(),
                source,
            };
            let file = File::open(&path).map_err(failed)?;
            while next < end {
                let read = file.read_at(&mut buffer, next - begin).map_err(failed)?;
                let sample = buffer.get(..read).unwrap_or_default();
                let small = zstd::bulk::compress(sample, LEVEL).map_err(failed)?;
                sampled += u64::try_from(read).unwrap_or(0);
                packed += u64::try_from(small.len()).unwrap_or(0);
                next += every;
            }
        }
        begin = end;
    }
    let ratio = |bytes: u64| u128::from(bytes) * u128::from(packed) / u128::from(sampled.max(1));
    let packed = u64::try_from(ratio(all)).unwrap_or(u64::MAX);
    // Each file's head and padding, about; they compress well.
    let heads = contents.count().saturating_mul(128);
    Ok((packed / 100)
        .saturating_mul(MARGIN_PERCENT)
        .saturating_add(heads)
        .saturating_add(FIXED_BYTES))
}
