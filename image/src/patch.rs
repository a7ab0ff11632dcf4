//! `posto-image patch`: the patch between two release directories, as a file.

use anyhow::Result;
use posto_delta::make::{self, Options};

use crate::cli::PatchArgs;
use crate::place;

/// Makes the patch and says what it costs.
///
/// # Errors
/// When a release directory is incomplete or the patch cannot be written; what stood at its place stands then.
pub fn make(args: &PatchArgs) -> Result<()> {
    let patch = make::release::patch(args.from.as_deref(), &args.release, &Options::default())?;
    let mut bytes = Vec::new();
    patch.write(&mut bytes)?;
    place::whole(&args.out, &bytes)?;
    for (number, image) in patch.index.images().iter().enumerate() {
        let encoded: u64 = patch
            .index
            .frames_of(number)
            .map(|frame| u64::from(frame.entry.encoded_bytes))
            .sum();
        println!(
            "{}: {:.2} MB for {:.1} MB",
            image.name,
            encoded as f64 / 1e6,
            image.target.bytes as f64 / 1e6
        );
    }
    println!(
        "{}: {:.2} MB, {} frames",
        args.out.display(),
        bytes.len() as f64 / 1e6,
        patch.index.frames().len()
    );
    Ok(())
}
