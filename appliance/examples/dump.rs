//! Writes an OpenMRS-shaped dump to standard output, for measuring imports:
//! `cargo run --release -p posto --example dump -- 1000000 > big.sql`.

#[path = "../tests/import/dump.rs"]
#[allow(unreachable_pub)]
mod dump;

use std::io::{BufWriter, Write};

fn main() -> std::io::Result<()> {
    let observations = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(100_000);
    let mut out = BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    dump::write(
        &mut out,
        &dump::Shape {
            observations,
            seed: 42,
        },
    )?;
    out.flush()
}
