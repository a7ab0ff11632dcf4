//! The kernel line: what GRUB and slot.env tell posto-init and the daemon (`posto.*`).

use std::fmt;

use thiserror::Error;

use crate::slot::Slot;
use crate::verity::VerityTarget;

/// Longest kernel line read, bytes: COMMAND_LINE_SIZE of x86 Linux is 2048.
pub const LENGTH_LIMIT_BYTES: usize = 4096;

/// What every kernel line ends with, whichever slot boots.
pub const FIXED_ARGUMENTS: &str =
    "ro console=tty0 console=ttyS0,115200 panic=10 oops=panic quiet systemd.gpt_auto=0";

/// Why the slot was booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is the committed slot.
    Normal,
    /// It is on trial.
    Trial,
    /// The committed slot does not boot; this is the other one.
    Rescue,
}

impl Mode {
    /// The word on the kernel line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Trial => "trial",
            Self::Rescue => "rescue",
        }
    }
}

/// A GPT partition's unique GUID, lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PartUuid(String);

impl PartUuid {
    /// Reads `8-4-4-4-12` hexadecimal digits of either case.
    ///
    /// # Errors
    /// When the text is anything else.
    pub fn parse(text: &str) -> Result<Self, KernelLineError> {
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        let hexadecimal = text
            .bytes()
            .all(|byte| byte == b'-' || byte.is_ascii_hexdigit());
        if lengths == [8, 4, 4, 4, 12] && hexadecimal {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(KernelLineError::PartUuid(shown(text)))
        }
    }

    /// The text, lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PartUuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A release's name: 1 to 64 of letters, digits, `.`, `_`, `-`, `+`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseName(String);

impl ReleaseName {
    /// Reads a name.
    ///
    /// # Errors
    /// When it holds anything else or has another length.
    pub fn parse(text: &str) -> Result<Self, KernelLineError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(KernelLineError::Release(shown(text)))
        }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The `posto.*` words of a kernel line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelLine {
    /// The running slot.
    pub slot: Slot,
    /// Why it was booted.
    pub mode: Mode,
    /// Root partition.
    pub root: PartUuid,
    /// Data partition; none where GRUB found no such entry in the table.
    pub data: Option<PartUuid>,
    /// The release's name.
    pub release: ReleaseName,
    /// How the root is verified.
    pub verity: VerityTarget,
}

/// Why a kernel line is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KernelLineError {
    /// Too long to be one.
    #[error("the kernel line has {0} bytes, more than {LENGTH_LIMIT_BYTES}")]
    TooLong(usize),
    /// A word is missing.
    #[error("the kernel line has no {0}; this kernel was not started by Posto's GRUB")]
    Missing(&'static str),
    /// A word stands twice: one of the two is not GRUB's.
    #[error("the kernel line has {0} twice")]
    Twice(&'static str),
    /// Not a or b.
    #[error("posto.slot={0:?} is neither a nor b")]
    Slot(String),
    /// Not normal, trial or rescue.
    #[error("posto.mode={0:?} is none of normal, trial, rescue")]
    Mode(String),
    /// Not a GUID.
    #[error("{0:?} is not a partition's GUID")]
    PartUuid(String),
    /// Not a release name.
    #[error("{0:?} is not a release name (1 to 64 letters, digits, . _ - +)")]
    Release(String),
    /// Not a verity target.
    #[error("posto.verity={0:?} is not <data blocks>:<hash start block>:<root hash>:<salt>")]
    Verity(String),
}

/// Foreign text bounded for an error message.
fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}

impl KernelLine {
    /// Reads `/proc/cmdline`. Words that are not `posto.*` are the kernel's and systemd's and are passed over.
    ///
    /// # Errors
    /// When one of the words is missing, stands twice or is malformed.
    pub fn parse(line: &str) -> Result<Self, KernelLineError> {
        if line.len() > LENGTH_LIMIT_BYTES {
            return Err(KernelLineError::TooLong(line.len()));
        }
        let value = |name: &'static str| -> Result<&str, KernelLineError> {
            let mut found = line.split_ascii_whitespace().filter_map(|word| {
                word.strip_prefix(name)
                    .and_then(|rest| rest.strip_prefix('='))
            });
            let value = found.next().ok_or(KernelLineError::Missing(name))?;
            if found.next().is_some() {
                Err(KernelLineError::Twice(name))
            } else {
                Ok(value)
            }
        };
        let slot = value("posto.slot")?;
        let mode = match value("posto.mode")? {
            "normal" => Mode::Normal,
            "trial" => Mode::Trial,
            "rescue" => Mode::Rescue,
            other => return Err(KernelLineError::Mode(shown(other))),
        };
        let data = value("posto.data")?;
        let verity = value("posto.verity")?;
        Ok(Self {
            slot: Slot::from_letter(slot).ok_or_else(|| KernelLineError::Slot(shown(slot)))?,
            mode,
            root: PartUuid::parse(value("posto.root")?)?,
            data: if data.is_empty() {
                None
            } else {
                Some(PartUuid::parse(data)?)
            },
            release: ReleaseName::parse(value("posto.release")?)?,
            verity: VerityTarget::parse(verity)
                .ok_or_else(|| KernelLineError::Verity(shown(verity)))?,
        })
    }
}

impl fmt::Display for KernelLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let data = self.data.as_ref().map_or("", PartUuid::as_str);
        write!(
            f,
            "posto.slot={} posto.mode={} posto.root={} posto.data={data} {}",
            self.slot,
            self.mode.word(),
            self.root,
            slot_arguments(&self.release, &self.verity),
        )
    }
}

/// The part of the kernel line that belongs to a slot's contents: `s_args` of slot.env.
#[must_use]
pub fn slot_arguments(release: &ReleaseName, verity: &VerityTarget) -> String {
    format!("posto.release={release} posto.verity={verity} {FIXED_ARGUMENTS}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line() -> String {
        let hash = "ab".repeat(32);
        format!(
            "BOOT_IMAGE=(hd0,gpt4)/vmlinuz posto.slot=a posto.mode=trial \
             posto.root=0FC63DAF-8483-4772-8e79-3d69d8477de4 posto.data= \
             posto.release=2026.11-1 posto.verity=1000:1000:{hash}:00ff {FIXED_ARGUMENTS}"
        )
    }

    #[test]
    fn a_kernel_line_reads_back_what_was_written() {
        let parsed = KernelLine::parse(&line()).unwrap();
        assert_eq!(parsed.slot, Slot::A);
        assert_eq!(parsed.mode, Mode::Trial);
        assert_eq!(parsed.data, None);
        assert_eq!(parsed.verity.salt, [0, 0xff]);
        assert_eq!(KernelLine::parse(&parsed.to_string()).unwrap(), parsed);
    }

    #[test]
    fn a_word_that_stands_twice_is_refused() {
        let doubled = format!("{} posto.slot=b", line());
        assert_eq!(
            KernelLine::parse(&doubled),
            Err(KernelLineError::Twice("posto.slot"))
        );
    }

    #[test]
    fn a_missing_word_is_named() {
        let without = line().replace("posto.verity=", "posto.other=");
        assert_eq!(
            KernelLine::parse(&without),
            Err(KernelLineError::Missing("posto.verity"))
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,300}") {
            drop(KernelLine::parse(&text));
        }

        #[test]
        fn a_changed_line_is_refused_or_reads_back_as_itself(at in 0_usize..400, with in any::<char>()) {
            let mut chars: Vec<char> = line().chars().collect();
            let at = at % chars.len();
            chars[at] = with;
            let text: String = chars.into_iter().collect();
            if let Ok(parsed) = KernelLine::parse(&text) {
                prop_assert_eq!(KernelLine::parse(&parsed.to_string()).unwrap(), parsed);
            }
        }
    }
}
