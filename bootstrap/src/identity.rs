//! The box's machine-id: on the data partition, made once, from the kernel's random numbers when those are ready.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::rand::{GetRandomFlags, getrandom};

/// A new id: 32 hexadecimal digits and a newline, a version 4 UUID as systemd makes them.
///
/// # Errors
/// When the kernel gives no random numbers.
pub fn new_id() -> io::Result<String> {
    let mut bytes = [0_u8; 16];
    // Blocks until the generator is seeded: two boxes must not share an id. A call for 16 bytes is never cut short.
    getrandom(&mut bytes, GetRandomFlags::empty())?;
    let [_, _, _, _, _, _, version, _, variant, ..] = &mut bytes;
    *version = *version & 0x0f | 0x40;
    *variant = *variant & 0x3f | 0x80;
    Ok(format!("{}\n", hex::encode(bytes)))
}

fn is_id(text: &[u8]) -> bool {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    text.len() == 32
        && text.iter().all(|byte| byte.is_ascii_hexdigit())
        && text.iter().any(|byte| *byte != b'0')
}

/// Makes sure that `file` holds an id. A whole one is kept; an empty or broken one is replaced.
///
/// # Errors
/// When it cannot be read or written, for example on a full disk.
pub fn ensure(file: &Path) -> io::Result<()> {
    match fs::read(file) {
        Ok(text) if is_id(&text) => return Ok(()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let folder = file.parent().unwrap_or(Path::new("/"));
    let new = file.with_extension("new");
    let mut written = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)?;
    written.write_all(new_id()?.as_bytes())?;
    written.set_permissions(fs::Permissions::from_mode(0o444))?;
    written.sync_all()?;
    rustix::fs::rename(&new, file)?;
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("machine-id");
        ensure(&file).unwrap();
        let first = fs::read(&file).unwrap();
        ensure(&file).unwrap();
        assert!(is_id(&first));
        assert_eq!(fs::read(&file).unwrap(), first);
        assert_ne!(new_id().unwrap().into_bytes(), first);
    }

    #[test]
    fn an_id_torn_by_a_power_cut_is_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("machine-id");
        File::create(&file).unwrap().write_all(b"0123").unwrap();
        ensure(&file).unwrap();
        assert!(is_id(&fs::read(&file).unwrap()));
    }
}
