//! This process's memory, from /proc/self/status.

fn field(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Anonymous memory that is in use now, KiB.
pub(crate) fn anonymous_kib() -> u64 {
    field("RssAnon:")
}

/// Prints the most memory that this process ever had in use, files included, and of it what is no file now.
pub(crate) fn print() {
    println!("at most {:.1} MiB RSS", field("VmHWM:") as f64 / 1024.0);
}
