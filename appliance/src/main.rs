//! Placeholder entry, replaced in the next commits.
fn main() {}
