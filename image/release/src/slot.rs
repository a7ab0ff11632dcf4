//! The boot state: which slot is committed, which one is on trial, and in which order the blocks of partition 3 are written.
//!
//! GRUB reads these blocks on every boot (`image/src/boot/grub.cfg`), so their format and place are for ever.
//! Values have equal length: a write torn inside the 512 bytes is a mix of old and new values, and every such mix is a state
//! that GRUB handles.

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::env_block::EnvBlock;
use crate::layout::{
    STATE_BLOCK_BYTES, STATE_C1_OFFSET, STATE_C2_OFFSET, STATE_T_OFFSET, STATE_W_OFFSET,
};

/// Attempts that a new trial gets.
pub const TRIAL_ATTEMPTS: u8 = 3;

/// One of the two places for an OS release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// Partitions 4 and 6.
    A,
    /// Partitions 5 and 7.
    B,
}

impl Slot {
    /// `a` or `b`.
    #[must_use]
    pub fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// The other slot.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// Reads `a` or `b`; anything else is none.
    #[must_use]
    pub fn from_letter(letter: &str) -> Option<Self> {
        match letter {
            "a" => Some(Self::A),
            "b" => Some(Self::B),
            _ => None,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.letter())
    }
}

/// Why GRUB shall try the slot in `t`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrialKind {
    /// A new release on trial (`posto.mode=trial`).
    Trial,
    /// The committed slot was found damaged: one attempt of the other one (`posto.mode=rescue`).
    Rescue,
}

/// What block `t` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trial {
    /// The slot to try.
    pub slot: Slot,
    /// Attempts left, 0 to 3. GRUB takes one off before it boots the slot.
    pub left: u8,
    /// Why.
    pub kind: TrialKind,
}

/// What block `w` holds: boots of one slot that began and were not reported as finished. GRUB never reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Watch {
    /// The slot that began to boot.
    pub slot: Slot,
    /// Begun and unfinished boots in succession, 1 to 9 (9 stands for 9 or more).
    pub unfinished: u8,
}

/// The whole boot state as read. `None`: the block is damaged, empty, or cleared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BootState {
    /// First committed record; wins over [`Self::c2`].
    pub c1: Option<Slot>,
    /// Second committed record.
    pub c2: Option<Slot>,
    /// The armed trial. One with no attempts left is still reported here: it says which trial failed.
    pub t: Option<Trial>,
    /// Unfinished boots.
    pub w: Option<Watch>,
}

/// One of the four blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Block {
    /// Committed record, first.
    C1,
    /// Committed record, second.
    C2,
    /// Trial; the only block that GRUB writes (and only `t_left`).
    T,
    /// Unfinished boots; written by posto-init and the daemon only.
    W,
}

impl Block {
    /// All blocks.
    pub const ALL: [Self; 4] = [Self::C1, Self::C2, Self::T, Self::W];

    /// Place in partition 3, bytes from its start.
    #[must_use]
    pub fn offset(self) -> u64 {
        match self {
            Self::C1 => STATE_C1_OFFSET,
            Self::C2 => STATE_C2_OFFSET,
            Self::T => STATE_T_OFFSET,
            Self::W => STATE_W_OFFSET,
        }
    }
}

/// One block to be written with one 4 KiB write, durable before the next one begins.
#[derive(Clone, PartialEq, Eq)]
pub struct BlockWrite {
    /// Which.
    pub block: Block,
    /// What: the env block in the first 512 bytes, then zeros.
    pub bytes: Box<[u8; STATE_BLOCK_BYTES]>,
}

impl fmt::Debug for BlockWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text =
            String::from_utf8_lossy(self.bytes.get(..80).unwrap_or_default()).replace('\n', " ");
        write!(f, "{:?} <- {text}...", self.block)
    }
}

/// Why a transition is refused.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SlotError {
    /// A trial of the committed slot would change nothing and hide the fallback.
    #[error(
        "slot {0} is the committed one; a trial can only be armed for the other slot; nothing was written"
    )]
    TrialOfCommitted(Slot),
    /// The number of attempts is not 1, 2 or 3.
    #[error("{0} attempts asked; GRUB counts 3, 2, 1 only; nothing was written")]
    Attempts(u8),
}

fn env(fields: &[(&str, &str)]) -> Box<[u8; STATE_BLOCK_BYTES]> {
    let block = EnvBlock::from_fields(fields);
    let mut bytes = Box::new([0_u8; STATE_BLOCK_BYTES]);
    for (to, from) in bytes.iter_mut().zip(block.bytes()) {
        *to = *from;
    }
    bytes
}

fn digit(number: u8) -> &'static str {
    const DIGITS: [&str; 10] = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    DIGITS.get(usize::from(number)).copied().unwrap_or("9")
}

/// Block `c1` or `c2` with a committed slot.
#[must_use]
pub fn committed_block(block: Block, slot: Slot) -> BlockWrite {
    BlockWrite {
        block,
        bytes: env(&[("c_slot", slot.letter()), ("c_end", "ok")]),
    }
}

/// Block `t`; `None` clears it.
#[must_use]
pub fn trial_block(trial: Option<Trial>) -> BlockWrite {
    let (slot, left, kind) = match trial {
        None => ("-", "0", "-"),
        Some(Trial {
            slot,
            left,
            kind: TrialKind::Trial,
        }) => (slot.letter(), digit(left), "t"),
        Some(Trial {
            slot,
            left,
            kind: TrialKind::Rescue,
        }) => (slot.letter(), digit(left), "r"),
    };
    BlockWrite {
        block: Block::T,
        bytes: env(&[
            ("t_slot", slot),
            ("t_left", left),
            ("t_kind", kind),
            ("t_end", "ok"),
        ]),
    }
}

/// Block `w`; `None` clears it.
#[must_use]
pub fn watch_block(watch: Option<Watch>) -> BlockWrite {
    let (slot, unfinished) = watch.map_or(("-", "0"), |watch| {
        (watch.slot.letter(), digit(watch.unfinished))
    });
    BlockWrite {
        block: Block::W,
        bytes: env(&[("w_slot", slot), ("w_count", unfinished), ("w_end", "ok")]),
    }
}

fn small_number(text: Option<&str>, largest: u8) -> Option<u8> {
    text.filter(|text| text.len() == 1)?
        .parse()
        .ok()
        .filter(|number| *number <= largest)
}

impl BootState {
    /// Reads the four blocks; each may be any bytes at all. GRUB's rules: a block counts only with its end mark `ok`.
    #[must_use]
    pub fn decode(c1: &[u8], c2: &[u8], t: &[u8], w: &[u8]) -> Self {
        let committed = |bytes: &[u8]| {
            let block = EnvBlock::parse(bytes).filter(|block| block.get("c_end") == Some("ok"))?;
            Slot::from_letter(block.get("c_slot")?)
        };
        let trial = |bytes: &[u8]| {
            let block = EnvBlock::parse(bytes).filter(|block| block.get("t_end") == Some("ok"))?;
            let kind = if block.get("t_kind") == Some("r") {
                TrialKind::Rescue
            } else {
                TrialKind::Trial
            };
            Some(Trial {
                slot: Slot::from_letter(block.get("t_slot")?)?,
                left: small_number(block.get("t_left"), TRIAL_ATTEMPTS)?,
                kind,
            })
        };
        let watch = |bytes: &[u8]| {
            let block = EnvBlock::parse(bytes).filter(|block| block.get("w_end") == Some("ok"))?;
            Some(Watch {
                slot: Slot::from_letter(block.get("w_slot")?)?,
                unfinished: small_number(block.get("w_count"), 9).filter(|count| *count > 0)?,
            })
        };
        Self {
            c1: committed(c1),
            c2: committed(c2),
            t: trial(t),
            w: watch(w),
        }
    }

    /// The committed slot as GRUB sees it: c1, else c2. None: both records are lost, and GRUB boots a.
    #[must_use]
    pub fn committed(&self) -> Option<Slot> {
        self.c1.or(self.c2)
    }

    /// The trial that GRUB would boot next, if any.
    #[must_use]
    pub fn pending_trial(&self) -> Option<Trial> {
        self.t
            .filter(|trial| trial.left > 0 && Some(trial.slot) != self.committed())
    }

    /// The slot that GRUB tries first.
    #[must_use]
    pub fn next(&self) -> Slot {
        self.pending_trial()
            .map_or_else(|| self.committed().unwrap_or(Slot::A), |trial| trial.slot)
    }

    /// The state that flashing leaves: slot a committed, no trial.
    #[must_use]
    pub fn at_install() -> Vec<BlockWrite> {
        vec![
            committed_block(Block::C2, Slot::A),
            committed_block(Block::C1, Slot::A),
            trial_block(None),
            watch_block(None),
        ]
    }

    /// Arms a trial: the next boots try `slot`, at most `attempts` times.
    ///
    /// # Errors
    /// When `slot` is the committed one, or `attempts` is not 1 to 3.
    pub fn arm_trial(&self, slot: Slot, attempts: u8) -> Result<Vec<BlockWrite>, SlotError> {
        self.arm(slot, attempts, TrialKind::Trial)
    }

    /// Arms one attempt of `slot` because the committed one was found damaged.
    ///
    /// # Errors
    /// When `slot` is the committed one.
    pub fn arm_rescue(&self, slot: Slot) -> Result<Vec<BlockWrite>, SlotError> {
        self.arm(slot, 1, TrialKind::Rescue)
    }

    fn arm(&self, slot: Slot, attempts: u8, kind: TrialKind) -> Result<Vec<BlockWrite>, SlotError> {
        // With both records lost GRUB takes a as committed, and so does this.
        if self.committed().unwrap_or(Slot::A) == slot {
            return Err(SlotError::TrialOfCommitted(slot));
        }
        if !(1..=TRIAL_ATTEMPTS).contains(&attempts) {
            return Err(SlotError::Attempts(attempts));
        }
        Ok(vec![trial_block(Some(Trial {
            slot,
            left: attempts,
            kind,
        }))])
    }

    /// Makes `slot` the one that boots. The order is c2, c1, clear t: GRUB believes c1 first, so the switch happens with the
    /// second write, with a good c2 behind it; a cut before it leaves the trial with its remaining attempts.
    #[must_use]
    pub fn commit(slot: Slot) -> Vec<BlockWrite> {
        vec![
            committed_block(Block::C2, slot),
            committed_block(Block::C1, slot),
            trial_block(None),
        ]
    }

    /// Takes an armed trial back.
    #[must_use]
    pub fn clear_trial() -> Vec<BlockWrite> {
        vec![trial_block(None)]
    }

    /// Counts a boot of `slot` that begins; see [`Self::finish_boot`].
    #[must_use]
    pub fn begin_boot(&self, slot: Slot) -> Vec<BlockWrite> {
        let before = self
            .w
            .filter(|watch| watch.slot == slot)
            .map_or(0, |watch| watch.unfinished);
        vec![watch_block(Some(Watch {
            slot,
            unfinished: before.saturating_add(1).min(9),
        }))]
    }

    /// The boot has come up (called once by the daemon): the count of unfinished boots starts again at none.
    #[must_use]
    pub fn finish_boot() -> Vec<BlockWrite> {
        vec![watch_block(None)]
    }
}

#[cfg(test)]
#[path = "slot_tests.rs"]
mod tests;
