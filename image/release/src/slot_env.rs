//! `slot.env` in a boot partition: what GRUB needs to know about the slot's contents.
//!
//! A GRUB environment block of [`SLOT_ENV_BYTES`]: `s_ok=ok` (missing: the slot is not bootable), `s_hash=1` (check `sums`
//! before booting), `s_args=` the slot's own part of the kernel line. It is written last when a slot is filled, so a
//! half-written slot has none.

use thiserror::Error;

use crate::env_block::EnvBlock;
use crate::kernel_line::{KernelLineError, ReleaseName, slot_arguments};
use crate::verity::VerityTarget;

/// Size of the file, bytes.
pub const SLOT_ENV_BYTES: usize = 1024;

/// The file's name.
pub const SLOT_ENV: &str = "slot.env";
/// The checksums' file name: `sha256sum` lines over the other three files.
pub const SUMS: &str = "sums";
/// The kernel's file name.
pub const KERNEL: &str = "vmlinuz";
/// The initrd's file name.
pub const INITRD: &str = "initrd.img";

/// The content of [`SUMS`]: `sha256sum` lines, as GRUB's `hashsum --check` reads them. Each argument is the SHA-256 of that file.
#[must_use]
pub fn sums(kernel: [u8; 32], initrd: [u8; 32], slot_env: [u8; 32]) -> String {
    [(KERNEL, kernel), (INITRD, initrd), (SLOT_ENV, slot_env)]
        .map(|(name, hash)| format!("{}  {name}\n", hex::encode(hash)))
        .concat()
}

/// A bootable slot's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotEnv {
    /// The release in the slot.
    pub release: ReleaseName,
    /// How its root is verified.
    pub verity: VerityTarget,
}

/// Why a slot.env is not one.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SlotEnvError {
    /// GRUB would pass the slot over.
    #[error("slot.env does not say s_ok=ok; the slot is empty or half written and is not booted")]
    NotBootable,
    /// The arguments lack a word.
    #[error("slot.env has no {0}")]
    Missing(&'static str),
    /// A word is malformed.
    #[error("slot.env: {0}")]
    Word(#[from] KernelLineError),
    /// Kernel arguments do not fit; only a change of the fixed ones can lead here.
    #[error("the kernel arguments of the slot have {0} bytes and do not fit slot.env")]
    TooLong(usize),
}

impl SlotEnv {
    /// The file's bytes.
    ///
    /// # Errors
    /// When the arguments do not fit.
    pub fn to_bytes(&self) -> Result<Vec<u8>, SlotEnvError> {
        let args = slot_arguments(&self.release, &self.verity);
        if args.len() > SLOT_ENV_BYTES - 100 {
            return Err(SlotEnvError::TooLong(args.len()));
        }
        let fields = [("s_ok", "ok"), ("s_hash", "1"), ("s_args", args.as_str())];
        Ok(EnvBlock::sized(&fields, SLOT_ENV_BYTES).bytes().to_vec())
    }

    /// Reads the file.
    ///
    /// # Errors
    /// When the slot is not bootable or its words are malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, SlotEnvError> {
        let bytes = bytes.get(..SLOT_ENV_BYTES).unwrap_or(bytes);
        let block = EnvBlock::parse_sized(bytes).ok_or(SlotEnvError::NotBootable)?;
        if block.get("s_ok") != Some("ok") {
            return Err(SlotEnvError::NotBootable);
        }
        let args = block.get("s_args").ok_or(SlotEnvError::Missing("s_args"))?;
        let word = |name: &'static str| {
            args.split_ascii_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
                .ok_or(SlotEnvError::Missing(name))
        };
        let verity = word("posto.verity")?;
        Ok(Self {
            release: ReleaseName::parse(word("posto.release")?)?,
            verity: VerityTarget::parse(verity)
                .ok_or_else(|| KernelLineError::Verity(verity.chars().take(80).collect()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn env() -> SlotEnv {
        SlotEnv {
            release: ReleaseName::parse("2026.11-1").unwrap(),
            verity: VerityTarget {
                data_blocks: 1_000_000,
                hash_start: 1_000_000,
                root_hash: [7; 32],
                salt: vec![9; 32],
            },
        }
    }

    #[test]
    fn a_slot_env_reads_back_what_was_written() {
        let bytes = env().to_bytes().unwrap();
        assert_eq!(bytes.len(), SLOT_ENV_BYTES);
        assert_eq!(SlotEnv::parse(&bytes).unwrap(), env());
    }

    #[test]
    fn a_zeroed_slot_env_is_not_bootable() {
        assert_eq!(
            SlotEnv::parse(&[0; SLOT_ENV_BYTES]),
            Err(SlotEnvError::NotBootable)
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            drop(SlotEnv::parse(&bytes));
        }

        #[test]
        fn a_slot_env_with_one_changed_byte_is_read_without_panic(at in 0_usize..SLOT_ENV_BYTES, with in any::<u8>()) {
            let mut bytes = env().to_bytes().unwrap();
            bytes[at] = with;
            drop(SlotEnv::parse(&bytes));
        }
    }
}
