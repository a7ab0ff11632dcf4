//! The fake that cuts the power: every durable step asks it first, and once its budget is spent, nothing more reaches the disk
//! from this thread until the power is back.

use std::cell::Cell;
use std::path::Path;

thread_local! {
    static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
}

/// The power goes after so many steps.
pub(crate) fn cut_after(steps: u32) {
    LEFT.set(Some(steps));
}

/// The power is back; whether it had gone.
pub(crate) fn back() -> bool {
    LEFT.take() == Some(0)
}

/// One step that a power cut may come before.
pub(crate) fn step() -> std::io::Result<()> {
    match LEFT.get() {
        Some(0) => Err(std::io::Error::other("the power was cut")),
        Some(left) => {
            LEFT.set(Some(left - 1));
            Ok(())
        }
        None => Ok(()),
    }
}

/// A step in the middle of a tree's removal: part of it is gone, the rest is there.
pub(super) fn step_within(tree: &Path) -> std::io::Result<()> {
    let cut = step();
    if cut.is_err()
        && let Some(first) = std::fs::read_dir(tree)?.next()
    {
        let first = first?;
        if first.file_type()?.is_dir() {
            std::fs::remove_dir_all(first.path())?;
        } else {
            std::fs::remove_file(first.path())?;
        }
    }
    cut
}
