//! How much memory this machine has (`/proc/meminfo`, proc(5)).

use std::path::Path;

use super::durable::{self, DurableError};

const LIMIT_BYTES: u64 = 64 * 1024;

/// MiB, by the kernel's file at `meminfo`. `None`: it does not say.
///
/// # Errors
/// When it cannot be read.
pub fn total_mib(meminfo: &Path) -> Result<Option<u64>, DurableError> {
    let text = durable::read(meminfo, LIMIT_BYTES)?.unwrap_or_default();
    Ok(mem_total_mib(&String::from_utf8_lossy(&text)))
}

/// MemTotal in MiB out of the file's text.
fn mem_total_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_from_the_kernels_text() {
        assert_eq!(
            mem_total_mib("MemTotal:        3907584 kB\nMemFree: 1 kB\n"),
            Some(3816)
        );
        assert_eq!(mem_total_mib("MemFree: 1 kB\n"), None);
    }
}
