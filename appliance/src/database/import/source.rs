//! Where a dump comes from: a stream, unpacked as its first bytes say.

use std::io::{BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{ImportError, NotADump};

/// How much of the head decides what a file is; a tar's mark stands at 257.
const HEAD_BYTES: usize = 4096;
/// xz -9 needs 64 MiB; nothing that runs on a 4 GB box while the clinic works may take more than this.
const XZ_LIMIT_KIB: u32 = 160 << 10;
/// zstd's own default bound (128 MiB); files made with --long=28 or more are refused.
const ZSTD_WINDOW_LOG: u32 = 27;

/// How a dump is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Text as it is.
    Sql,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
}

impl Format {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sql => "SQL",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Xz => "xz",
        }
    }
}

/// Says by its first bytes what a file is.
///
/// # Errors
/// What it is instead of a dump.
pub fn recognise(head: &[u8]) -> Result<Format, NotADump> {
    const OTHERS: [(&[u8], &str); 11] = [
        (
            b"PK\x03\x04",
            "a zip archive; unpack it and import the .sql file in it",
        ),
        (b"%PDF", "a PDF document"),
        (b"BZh", "bzip2 data; unpack it with bunzip2"),
        (
            b"7z\xbc\xaf\x27\x1c",
            "a 7-Zip archive; unpack it and import the .sql file in it",
        ),
        (
            b"Rar!",
            "a RAR archive; unpack it and import the .sql file in it",
        ),
        (b"\x04\x22\x4d\x18", "lz4 data; unpack it with unlz4"),
        (
            b"XBSTCK01",
            "a mariadb-backup or xtrabackup stream, not a dump",
        ),
        (b"\x7fELF", "a program"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
        (b"<!DOCTYPE", "a web page"),
    ];
    if head.is_empty() {
        return Err(NotADump::Empty);
    }
    if let Some((_, name)) = OTHERS.iter().find(|(magic, _)| head.starts_with(magic)) {
        return Err(NotADump::Format((*name).into()));
    }
    if head.get(257..262) == Some(b"ustar") {
        return Err(NotADump::Format(
            "a tar archive; unpack it and import the .sql file in it".into(),
        ));
    }
    if head.starts_with(b"\x1f\x8b") {
        return Ok(Format::Gzip);
    }
    // A zstd frame, or a skippable frame (pzstd writes them) before one.
    let skippable = head.first().is_some_and(|b| (0x50..=0x5f).contains(b))
        && head.get(1..4) == Some(b"\x2a\x4d\x18");
    if head.starts_with(b"\x28\xb5\x2f\xfd") || skippable {
        return Ok(Format::Zstd);
    }
    if head.starts_with(b"\xfd7zXZ\0") {
        return Ok(Format::Xz);
    }
    if head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff") {
        return Err(NotADump::Utf16);
    }
    if head.contains(&0) {
        return Err(NotADump::Binary);
    }
    Ok(Format::Sql)
}

/// A dump being read. Gives unpacked bytes.
pub struct Source {
    /// Its name for messages.
    pub name: String,
    /// How it is packed.
    pub format: Format,
    /// Packed size; unknown for a stream.
    pub size_bytes: Option<u64>,
    reader: Box<dyn Read + Send>,
    taken: Arc<AtomicU64>,
}

impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source")
            .field("name", &self.name)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

impl Source {
    /// Reads from any stream.
    ///
    /// # Errors
    /// [`ImportError::Read`], [`ImportError::NotADump`].
    pub fn over(
        name: String,
        size_bytes: Option<u64>,
        stream: Box<dyn Read + Send>,
    ) -> Result<Self, ImportError> {
        let taken = Arc::new(AtomicU64::new(0));
        let mut counted = Counted {
            stream,
            taken: Arc::clone(&taken),
        };
        let head = head_of(&mut counted).map_err(|source| ImportError::Read {
            file: name.clone(),
            source,
        })?;
        let format = recognise(&head).map_err(|what| ImportError::NotADump {
            file: name.clone(),
            what,
        })?;
        let whole = BufReader::with_capacity(256 << 10, std::io::Cursor::new(head).chain(counted));
        let reader: Box<dyn Read + Send> = match format {
            Format::Sql => Box::new(whole),
            Format::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(whole)),
            Format::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(
                whole,
                true,
                XZ_LIMIT_KIB,
            )),
            Format::Zstd => {
                let failed = |source| ImportError::Read {
                    file: name.clone(),
                    source,
                };
                let mut decoder =
                    zstd::stream::read::Decoder::with_buffer(whole).map_err(failed)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(failed)?;
                Box::new(decoder)
            }
        };
        let mut source = Self {
            name,
            format,
            size_bytes,
            reader,
            taken,
        };
        if format != Format::Sql {
            source.check_inside()?;
        }
        Ok(source)
    }

    /// Packed bytes read so far, shared with whoever shows progress.
    #[must_use]
    pub fn taken(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.taken)
    }

    /// Fills `buffer` as far as it goes; 0 at the end.
    ///
    /// # Errors
    /// The kernel's or the decoder's; [`Source::explain`] turns it into words.
    pub fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match self.reader.read(buffer) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    /// The error of a read as what it means: a file that cannot be read, one cut off, or one damaged.
    #[must_use]
    pub fn explain(
        &self,
        error: std::io::Error,
        bytes: u64,
        line: u64,
        table: Option<String>,
    ) -> ImportError {
        let file = self.name.clone();
        let format = std::borrow::Cow::Borrowed(self.format.name());
        if error.raw_os_error().is_some() || self.format == Format::Sql {
            return ImportError::Read {
                file,
                source: error,
            };
        }
        if error.kind() == std::io::ErrorKind::UnexpectedEof {
            return ImportError::CompressedCutOff {
                file,
                format,
                bytes,
                line,
                table,
            };
        }
        ImportError::CompressedDamaged {
            file,
            format,
            bytes,
            line,
            table,
            source: error,
        }
    }

    /// What is packed inside must be a dump, too.
    fn check_inside(&mut self) -> Result<(), ImportError> {
        let head = head_of(&mut self.reader).map_err(|error| self.explain(error, 0, 1, None))?;
        let what = match recognise(&head) {
            Ok(Format::Sql) => None,
            Ok(_) => Some(NotADump::PackedTwice),
            Err(what) => Some(what),
        };
        if let Some(what) = what {
            return Err(ImportError::NotADump {
                file: self.name.clone(),
                what,
            });
        }
        let rest = std::mem::replace(&mut self.reader, Box::new(std::io::empty()));
        self.reader = Box::new(std::io::Cursor::new(head).chain(rest));
        Ok(())
    }
}

fn head_of(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    stream.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    Ok(head)
}

struct Counted {
    stream: Box<dyn Read + Send>,
    taken: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.stream.read(buffer)?;
        self.taken.fetch_add(bytes as u64, Ordering::Relaxed);
        Ok(bytes)
    }
}
