//! GRUB's environment block: a signature line, `name=value` lines, `#` up to the end.
//!
//! Format: GRUB 2.12, grub-core/lib/envblk.c. Only the subset that we write is read: no backslash escapes.

/// First line of every block.
pub const SIGNATURE: &str = "# GRUB Environment Block\n";

/// Size of a block of the boot state, bytes: one sector, which disks write whole or not at all.
pub const ENV_BLOCK_BYTES: usize = 512;

/// A readable environment block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnvBlock {
    bytes: Vec<u8>,
}

impl EnvBlock {
    /// A 512-byte block of these fields. Fields beyond its end are left out, which our own few short ones never reach.
    #[must_use]
    pub fn from_fields(fields: &[(&str, &str)]) -> Self {
        Self::sized(fields, ENV_BLOCK_BYTES)
    }

    /// A block of `size` bytes.
    #[must_use]
    pub fn sized(fields: &[(&str, &str)], size: usize) -> Self {
        let mut bytes = SIGNATURE.as_bytes().to_vec();
        for (name, value) in fields {
            bytes.extend_from_slice(format!("{name}={value}\n").as_bytes());
        }
        bytes.resize(size, b'#');
        Self { bytes }
    }

    /// Reads the first 512 bytes of any bytes; none where the signature is missing.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Self::parse_sized(bytes.get(..ENV_BLOCK_BYTES)?)
    }

    /// Reads a block that is `bytes` long.
    #[must_use]
    pub fn parse_sized(bytes: &[u8]) -> Option<Self> {
        bytes.starts_with(SIGNATURE.as_bytes()).then(|| Self {
            bytes: bytes.to_vec(),
        })
    }

    /// The last value of `name`, as GRUB takes it; none where it is missing or not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.starts_with(b"#"))
            .filter_map(|line| {
                let value = line.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
                std::str::from_utf8(value).ok()
            })
            .next_back()
    }

    /// The block as it stands on disk.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
