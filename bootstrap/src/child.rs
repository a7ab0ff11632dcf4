//! Programs that posto-init runs: the mounted root's own ones, inside it, and itself in a second role.
//!
//! A role exists where work must happen in a process of its own: entering the root before a program of it starts, and
//! reading a possibly damaged FAT, which must not take process 1 down.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use posto_release::slot_env::{SLOT_ENV, SLOT_ENV_BYTES, SlotEnv};

use crate::error::{InitError, doing};

/// Output kept of a program, bytes: its last words go into a message.
const OUTPUT_LIMIT_BYTES: usize = 600;
const ROLE_CHROOT: &str = "in-root";
const ROLE_SLOT_ENV: &str = "slot-env";

// The crate's one process runner: argv in the error, bounded output, no shell.
#[allow(clippy::disallowed_methods)]
fn command(program: &str) -> Command {
    Command::new(program)
}

/// Runs `argv` with `root` as its root directory, to its end. There is no time limit: stopping mkfs or xfs_repair halfway
/// is worse than waiting.
///
/// # Errors
/// When it cannot be started, or fails.
pub fn run_in_root(root: &str, argv: &[&str]) -> Result<(), InitError> {
    own_role(
        &[&[ROLE_CHROOT, root], argv].concat(),
        argv.first().copied().unwrap_or_default(),
    )
}

/// Reads slot.env of a boot partition; true when GRUB would boot the slot.
#[must_use]
pub fn slot_is_bootable(boot_partition: &str) -> bool {
    own_role(&[ROLE_SLOT_ENV, boot_partition], SLOT_ENV).is_ok()
}

fn own_role(arguments: &[&str], name: &str) -> Result<(), InitError> {
    let mut child = command("/proc/self/exe")
        .args(arguments)
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(doing(format!("{name} cannot be started")))?;
    let mut output = Vec::new();
    if let Some(mut stderr) = child.stderr.take() {
        let mut buffer = [0; 512];
        while let Ok(length @ 1..) = stderr.read(&mut buffer) {
            output.extend_from_slice(buffer.get(..length).unwrap_or_default());
            let surplus = output.len().saturating_sub(OUTPUT_LIMIT_BYTES);
            output.drain(..surplus);
        }
    }
    let status = child
        .wait()
        .map_err(doing(format!("{name} cannot be waited for")))?;
    if status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output).trim().replace('\n', "; ");
    Err(InitError::Child {
        program: name.to_owned(),
        status: status.to_string(),
        output,
    })
}

/// What the program does when it was started in a role; none when it was started as process 1.
#[must_use]
pub fn role(arguments: &[String]) -> Option<ExitCode> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [_, ROLE_CHROOT, root, program, rest @ ..] => Some(report(&in_root(root, program, rest))),
        [_, ROLE_SLOT_ENV, partition] => Some(match read_slot_env(Path::new(partition)) {
            Ok(_) => ExitCode::SUCCESS,
            Err(error) => report(&error),
        }),
        _ => None,
    }
}

fn report(error: &io::Error) -> ExitCode {
    eprintln!("{error}");
    ExitCode::FAILURE
}

fn in_root(root: &str, program: &str, arguments: &[&str]) -> io::Error {
    if let Err(error) = rustix::process::chroot(root).and_then(|()| rustix::process::chdir("/")) {
        return error.into();
    }
    command(program).args(arguments).exec()
}

/// Replaces process 1.
pub fn become_init(program: &str) -> InitError {
    doing(format!("{program} cannot be started"))(command(program).exec())
}

/// Reads slot.env out of the FAT of a boot partition or an image of one.
///
/// # Errors
/// When there is no such file system or file, or the slot is not bootable.
pub fn read_slot_env(partition: &Path) -> io::Result<SlotEnv> {
    let fat = fatfs::FileSystem::new(File::open(partition)?, fatfs::FsOptions::new())?;
    let mut bytes = Vec::new();
    fat.root_dir()
        .open_file(SLOT_ENV)?
        .take(SLOT_ENV_BYTES as u64)
        .read_to_end(&mut bytes)?;
    SlotEnv::parse(&bytes).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use posto_release::kernel_line::ReleaseName;
    use posto_release::verity::VerityTarget;

    use super::*;

    fn partition(slot_env: &[u8]) -> tempfile::NamedTempFile {
        let mut disk = Cursor::new(vec![0; 16 * 1024 * 1024]);
        fatfs::format_volume(
            &mut disk,
            fatfs::FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat16),
        )
        .unwrap();
        {
            let fat = fatfs::FileSystem::new(&mut disk, fatfs::FsOptions::new()).unwrap();
            fat.root_dir()
                .create_file(SLOT_ENV)
                .unwrap()
                .write_all(slot_env)
                .unwrap();
        }
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(disk.get_ref()).unwrap();
        file
    }

    #[test]
    fn a_filled_slot_is_bootable_and_an_emptied_one_is_not() {
        let env = SlotEnv {
            release: ReleaseName::parse("1").unwrap(),
            verity: VerityTarget {
                data_blocks: 5,
                hash_start: 5,
                root_hash: [1; 32],
                salt: vec![],
            },
        };
        assert_eq!(
            read_slot_env(partition(&env.to_bytes().unwrap()).path()).unwrap(),
            env
        );
        assert!(read_slot_env(partition(&[0; 1024]).path()).is_err());
        assert!(read_slot_env(tempfile::NamedTempFile::new().unwrap().path()).is_err());
    }
}
