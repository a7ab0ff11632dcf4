//! `posto hub sites|places`.

use std::path::PathBuf;

use clap::Args;

use super::Data;
use crate::hub::export;
use crate::hub::fleet::Fleet;
use crate::hub::store::{Place, Store};
use crate::system::{clock, durable};

/// A list of all of Africa's facilities is smaller.
const LIST_LIMIT_BYTES: u64 = 32 * 1024 * 1024;

/// All sites.
#[derive(Debug, Args)]
pub(super) struct List {
    /// For programs
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Data,
}

/// A list to bring in.
#[derive(Debug, Args)]
pub(super) struct Bring {
    /// The file
    file: PathBuf,
    #[command(flatten)]
    place: Data,
}

/// Prints them as CSV or JSON, as the hub's pages give them.
///
/// # Errors
/// [`crate::hub::store::StoreError`].
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn list(list: &List) -> anyhow::Result<()> {
    let now_s = clock::unix_seconds();
    let fleet = Fleet::load(&Store::open(&list.place.directory)?, None, now_s)?;
    if list.json {
        println!("{}", export::json(&fleet, now_s));
    } else {
        print!("{}", export::csv(&fleet, now_s));
    }
    Ok(())
}

/// Brings a list in; sites that are not on it stay as they are.
///
/// # Errors
/// When the file cannot be read, is no list, or the store cannot be used.
#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn bring(bring: &Bring) -> anyhow::Result<()> {
    let bytes = durable::read(&bring.file, LIST_LIMIT_BYTES)?
        .ok_or_else(|| anyhow::anyhow!("there is no {}", bring.file.display()))?;
    let places = Place::list(&String::from_utf8(bytes)?)?;
    Store::open(bring.place.made()?)?.set_places(&places)?;
    println!("{}", places.len());
    Ok(())
}
