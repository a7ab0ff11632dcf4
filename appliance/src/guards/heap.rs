//! Java's heap was exhausted: what filled it is kept (the newest few), Java ends and systemd starts it again.

pub mod histogram;

use std::path::Path;

/// The numbers of the histograms that are kept in a directory, smallest first. Only names of our form are looked at: the
/// directory is OpenMRS's.
pub(super) fn kept(directory: &Path) -> Vec<u32> {
    let mut numbers: Vec<u32> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| number(entry.file_name().to_str()?))
        .collect();
    numbers.sort_unstable();
    numbers
}

/// The number in a histogram's name: six digits, so that names sort by age without a clock.
pub(super) fn number(name: &str) -> Option<u32> {
    let digits = name.strip_suffix(".txt")?;
    (digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// A histogram's name.
pub(super) fn name(number: u32) -> String {
    format!("{number:06}.txt")
}
