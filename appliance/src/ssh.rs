//! A technician at a distance: the keys that may come in, and the key by which the box is known.

use std::path::Path;
use std::time::Duration;

use crate::facility::Ssh;
use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};
use crate::system::process::{Invocation, ProcessError};

const KEYGEN: &str = "/usr/bin/ssh-keygen";
const KEYGEN_LIMIT: Duration = Duration::from_secs(60);

/// Why the box has no key of its own.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// A file.
    #[error("the box's SSH key could not be kept: {0}")]
    File(#[from] DurableError),
    /// ssh-keygen.
    #[error("the box's SSH key could not be made: {0}")]
    Program(#[from] ProcessError),
}

/// Lays down who may come in, or takes the file away: then `posto-ssh.service` does not start.
///
/// # Errors
/// [`DurableError`].
pub fn keys(places: &Places, ssh: &Ssh) -> Result<(), DurableError> {
    if ssh.is_off() {
        return durable::remove(&places.ssh_keys());
    }
    if let Some(directory) = places.ssh_keys().parent() {
        durable::directory(directory, Owner::mode(0o755))?;
    }
    let mut text = ssh.keys.join("\n");
    text.push('\n');
    durable::write(&places.ssh_keys(), text.as_bytes(), Owner::mode(0o644))
}

/// Makes this box's key at its first need. It stays: technicians' programs know the box by it.
///
/// # Errors
/// [`HostKeyError`].
pub fn make_host_key(places: &Places) -> Result<(), HostKeyError> {
    make_with(places, Path::new(KEYGEN))
}

fn make_with(places: &Places, keygen: &Path) -> Result<(), HostKeyError> {
    let key = places.ssh_host_key();
    if key.exists() {
        return Ok(());
    }
    if let Some(directory) = key.parent() {
        durable::directory(directory, Owner::mode(0o700))?;
    }
    // Under another name until it is whole: a power cut in between leaves no half key that would be kept for ever.
    let half = key.with_extension("new");
    for left in [half.clone(), half.with_extension("new.pub")] {
        durable::remove(&left)?;
    }
    Invocation::new(keygen)
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(&half)
        .run(KEYGEN_LIMIT)?;
    if let Some(directory) = key.parent() {
        durable::sync_tree(directory)?;
    }
    durable::rename(&half, &key)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_keys_there_is_no_file_that_would_start_sshd() {
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.run()).unwrap();
        let one = Ssh {
            keys: vec!["ssh-ed25519 AAAA".to_string()],
        };
        keys(&places, &one).unwrap();
        assert_eq!(
            std::fs::read_to_string(places.ssh_keys()).unwrap(),
            "ssh-ed25519 AAAA\n"
        );
        keys(&places, &Ssh::default()).unwrap();
        assert!(!places.ssh_keys().exists());
    }

    #[test]
    fn the_box_keeps_its_key_once_it_is_made() {
        if !Path::new(KEYGEN).exists() {
            eprintln!("SKIPPED: needs ssh-keygen (package openssh-client)");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let places = Places::under(dir.path());
        std::fs::create_dir_all(places.secrets()).unwrap();
        make_host_key(&places).unwrap();
        let first = std::fs::read(places.ssh_host_key()).unwrap();
        make_host_key(&places).unwrap();
        assert_eq!(std::fs::read(places.ssh_host_key()).unwrap(), first);
    }
}
