//! InnoDB's pages as they lie in a file: whether each one's checksum is right. Reads what CHECK TABLE leaves out (long texts and
//! images outside their row), one file after the other, as fast as the disk gives it.
//!
//! The form is full_crc32, MariaDB's default since 10.5 (storage/innobase/include/fsp0types.h, buf/buf0buf.cc): page 0 carries the
//! flags at byte 54 and the file's length in pages at byte 46; the last four bytes of a page are the CRC-32C of those before; a
//! page of zeros was never written. Files of other forms (ROW_FORMAT=COMPRESSED, page compression) are not read.

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Read at once.
const CHUNK_BYTES: usize = 4 << 20;
const SIZE_AT: usize = 46;
const FLAGS_AT: usize = 54;
/// FSP_FLAGS_FCRC32_MASK_MARKER.
const FULL_CRC32: u32 = 1 << 4;
/// FSP_FLAGS_FCRC32_MASK_PAGE_SSIZE: the page's length is 512 << this.
const PAGE_SIZE: u32 = 0xf;
/// FSP_FLAGS_FCRC32_MASK_COMPRESSED_ALGO.
const COMPRESSED: u32 = 0xe0;
/// The doublewrite buffer in the system tablespace (trx0sys.h): pages of a torn write may stay in it for ever.
const DOUBLEWRITE: std::ops::Range<u64> = 64..192;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// A page's checksum does not fit.
    Page(u64),
    /// The file is shorter than its own head says.
    Short {
        /// Pages that the head says.
        said: u64,
        /// Pages that are there.
        found: u64,
    },
    /// Its first page makes no sense.
    Head,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Page(number) => write!(f, "the checksum of page {number} is wrong"),
            Self::Short { said, found } => {
                write!(f, "{found} pages are there, its head says {said}")
            }
            Self::Head => write!(f, "its first page is no page of InnoDB"),
        }
    }
}

/// A file being read.
#[derive(Debug)]
pub struct Scan {
    file: File,
    /// `None` until the first page was seen.
    form: Option<Form>,
    buffer: Vec<u8>,
    /// Bytes done.
    done: u64,
    length: u64,
    system: bool,
}

/// A file's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Pages(usize),
    /// Not one that is read here.
    Other,
}

/// What came of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// There is more; bytes read in this step.
    More(u64),
    /// The file is in order, or of a form that is not read here.
    Done,
    /// The first damage.
    Damaged(Damage),
}

impl Scan {
    /// Opens a file of a server that was stopped cleanly: what it had in memory is on the disk.
    ///
    /// # Errors
    /// The kernel's.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            form: None,
            buffer: vec![0; CHUNK_BYTES],
            done: 0,
            length,
            system: path.file_name().is_some_and(|name| name == "ibdata1"),
        })
    }

    /// The file's length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// Reads and checks the next few megabytes.
    ///
    /// # Errors
    /// The kernel's: the disk does not give the file.
    pub fn step(&mut self) -> std::io::Result<Step> {
        let mut filled = 0;
        while let Some(rest) = self
            .buffer
            .get_mut(filled..)
            .filter(|rest| !rest.is_empty())
        {
            match self.file.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let bytes = self.buffer.get(..filled).unwrap_or_default();
        let form = match self.form {
            Some(form) => form,
            None => match head(bytes, self.length) {
                Ok(form) => *self.form.insert(form),
                Err(damage) => return Ok(Step::Damaged(damage)),
            },
        };
        let Form::Pages(size) = form else {
            return Ok(Step::Done);
        };
        let first = self.done / size as u64;
        for (number, page) in (first..).zip(bytes.chunks_exact(size)) {
            let skipped = self.system && DOUBLEWRITE.contains(&number);
            if !skipped && !is_right(page) {
                return Ok(Step::Damaged(Damage::Page(number)));
            }
        }
        let offset = self.done;
        self.done += filled as u64;
        // Read once: what OpenMRS needs must not leave the memory for it. Refused advice costs nothing.
        let length = std::num::NonZeroU64::new(filled as u64);
        let _ = rustix::fs::fadvise(&self.file, offset, length, rustix::fs::Advice::DontNeed);
        if filled < self.buffer.len() {
            return Ok(Step::Done);
        }
        Ok(Step::More(filled as u64))
    }
}

/// What the first page says of the file.
fn head(page: &[u8], length: u64) -> Result<Form, Damage> {
    let number = |at: usize| {
        page.get(at..at + 4)
            .and_then(|four| four.try_into().ok())
            .map(u32::from_be_bytes)
    };
    let (Some(said), Some(flags)) = (number(SIZE_AT), number(FLAGS_AT)) else {
        return Err(Damage::Head);
    };
    if flags & FULL_CRC32 == 0 || flags & COMPRESSED != 0 {
        // Also a first page that was damaged may look so; the server opened the file before and said nothing.
        return Ok(Form::Other);
    }
    let size = 512usize << (flags & PAGE_SIZE);
    if !(4096..=65536).contains(&size) {
        return Err(Damage::Head);
    }
    let (said, found) = (u64::from(said), length / size as u64);
    if found < said {
        return Err(Damage::Short { said, found });
    }
    Ok(Form::Pages(size))
}

fn is_right(page: &[u8]) -> bool {
    let Some((body, checksum)) = page.split_last_chunk::<4>() else {
        return false;
    };
    crc32c(body) == u32::from_be_bytes(*checksum) || page.iter().all(|byte| *byte == 0)
}

/// CRC-32C (RFC 3720, B.4) over eight bytes at a time ("slicing"): a whole data directory goes through it.
fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    let (eights, rest) = bytes.as_chunks::<8>();
    for &[a, b, c, d, e, f, g, h] in eights {
        let [w, x, y, z] = (crc ^ u32::from_le_bytes([a, b, c, d])).to_le_bytes();
        crc = at(7, w) ^ at(6, x) ^ at(5, y) ^ at(4, z) ^ at(3, e) ^ at(2, f) ^ at(1, g) ^ at(0, h);
    }
    for byte in rest {
        let [low, ..] = (crc ^ u32::from(*byte)).to_le_bytes();
        crc = (crc >> 8) ^ at(0, low);
    }
    !crc
}

#[allow(
    clippy::indexing_slicing,
    reason = "eight tables of 256 entries, indexed by a constant and a byte"
)]
const fn at(table: usize, byte: u8) -> u32 {
    TABLES[table][byte as usize]
}

static TABLES: [[u32; 256]; 8] = tables();

#[allow(clippy::indexing_slicing, reason = "within the loops' bounds")]
const fn tables() -> [[u32; 256]; 8] {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let mut all = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 };
            bit += 1;
        }
        all[0][byte] = crc;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before: u32 = all[table - 1][byte];
            all[table][byte] = (before >> 8) ^ all[0][(before & 0xff) as usize];
            byte += 1;
        }
        table += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SIZE: usize = 16384;

    fn sealed(mut page: Vec<u8>) -> Vec<u8> {
        let at = page.len() - 4;
        let checksum = crc32c(&page[..at]).to_be_bytes();
        page[at..].copy_from_slice(&checksum);
        page
    }

    fn file(pages: usize, said: u32) -> Vec<u8> {
        let mut all = Vec::new();
        for number in 0..pages {
            let mut page = vec![u8::try_from(number % 251).unwrap(); SIZE];
            if number == 0 {
                page[SIZE_AT..SIZE_AT + 4].copy_from_slice(&said.to_be_bytes());
                page[FLAGS_AT..FLAGS_AT + 4].copy_from_slice(&0x15u32.to_be_bytes());
            }
            all.extend(sealed(page));
        }
        all
    }

    fn scan(bytes: &[u8], name: &str) -> Step {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        crate::system::durable::write(&path, bytes, crate::system::durable::Owner::mode(0o600))
            .unwrap();
        let mut scan = Scan::open(&path).unwrap();
        loop {
            match scan.step().unwrap() {
                Step::More(_) => {}
                end => return end,
            }
        }
    }

    #[test]
    fn the_checksum_is_the_standards() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        let ascending: Vec<u8> = (0..32).collect();
        assert_eq!(crc32c(&ascending), 0x46dd_794e);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_sound_file_of_several_chunks_is_done() {
        assert_eq!(scan(&file(300, 300), "obs.ibd"), Step::Done);
        let mut with_unwritten = file(3, 3);
        with_unwritten[2 * SIZE..].fill(0);
        assert_eq!(scan(&with_unwritten, "obs.ibd"), Step::Done);
    }

    #[test]
    fn a_file_shorter_than_its_head_says_is_damaged() {
        let damage = Damage::Short { said: 5, found: 4 };
        assert_eq!(scan(&file(4, 5), "obs.ibd"), Step::Damaged(damage));
        assert_eq!(scan(&[1; 50], "obs.ibd"), Step::Damaged(Damage::Head));
        assert_eq!(scan(&[], "obs.ibd"), Step::Damaged(Damage::Head));
    }

    #[test]
    fn the_doublewrite_buffer_may_hold_torn_pages() {
        let mut bytes = file(200, 200);
        bytes[100 * SIZE + 9] ^= 1;
        assert_eq!(scan(&bytes, "ibdata1"), Step::Done);
        assert_eq!(scan(&bytes, "obs.ibd"), Step::Damaged(Damage::Page(100)));
    }

    proptest! {
        #[test]
        fn any_changed_bit_is_seen(page in 1usize..6, at in 0usize..SIZE, bit in 0u32..8) {
            let mut bytes = file(6, 6);
            bytes[page * SIZE + at] ^= 1 << bit;
            prop_assert_eq!(scan(&bytes, "obs.ibd"), Step::Damaged(Damage::Page(page as u64)));
        }

        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..40_000)) {
            let _ = scan(&bytes, "x.ibd");
        }
    }
}
