//! Kernel modules of the initrd, loaded in the order that the builder wrote down.

use std::fs::{self, File};
use std::path::Path;

use rustix::io::Errno;

use crate::console::Console;
use crate::error::{InitError, doing};

const FOLDER: &str = "/modules";

/// Loads all modules. One that does not load is noted: a board without that controller refuses its driver, and if the
/// disk then does not appear, waiting for it says so.
///
/// # Errors
/// When the list itself is missing.
pub fn load(console: &Console) -> Result<(), InitError> {
    let folder = Path::new(FOLDER);
    let order = fs::read_to_string(folder.join("order"))
        .map_err(doing("the initrd has no list of modules"))?;
    for name in order.lines() {
        let loaded = File::open(folder.join(name))
            .map_err(|error| error.to_string())
            .and_then(|file| match rustix::system::finit_module(&file, c"", 0) {
                Ok(()) | Err(Errno::EXIST | Errno::NODEV) => Ok(()),
                Err(error) => Err(error.to_string()),
            });
        if let Err(error) = loaded {
            console.note(&format!("module {name} does not load: {error}"));
        }
    }
    Ok(())
}
