//! A dm-verity device by device-mapper's ioctls: create, load one line, resume.
//! Source: Linux include/uapi/linux/dm-ioctl.h (interface 4.0.0).

use std::fs::File;
use std::os::fd::AsFd;

use rustix::ioctl::{Opcode, Updater, ioctl, opcode};

use crate::error::{InitError, doing};

/// sizeof(struct dm_ioctl).
const HEADER_BYTES: usize = 312;
const TARGET_BYTES: usize = 40;
const BUFFER_BYTES: usize = 4096;
const NAME: &[u8] = b"posto-root";
const READ_ONLY: u32 = 1;

const CREATE: Opcode = opcode::read_write::<[u8; HEADER_BYTES]>(0xfd, 3);
/// Without the suspend flag this command resumes.
const RESUME: Opcode = opcode::read_write::<[u8; HEADER_BYTES]>(0xfd, 6);
const LOAD: Opcode = opcode::read_write::<[u8; HEADER_BYTES]>(0xfd, 9);

/// A struct dm_ioctl with room behind it, aligned as the kernel's struct is.
#[repr(C, align(8))]
struct Request([u8; BUFFER_BYTES]);

impl Request {
    fn new(flags: u32, targets: u32) -> Self {
        let mut request = Self([0; BUFFER_BYTES]);
        let number = |number: u32| number.to_ne_bytes();
        request.put(0, &number(4));
        request.put(12, &number(u32::try_from(BUFFER_BYTES).unwrap_or(0)));
        request.put(16, &number(u32::try_from(HEADER_BYTES).unwrap_or(0)));
        request.put(20, &number(targets));
        request.put(28, &number(flags));
        request.put(48, NAME);
        request
    }

    fn put(&mut self, at: usize, bytes: &[u8]) {
        for (to, from) in self.0.iter_mut().skip(at).zip(bytes) {
            *to = *from;
        }
    }

    /// The device number that the kernel wrote into the answer: its minor part (Linux huge_encode_dev).
    fn minor(&self) -> u32 {
        let mut bytes = [0; 4];
        bytes
            .iter_mut()
            .zip(self.0.iter().skip(40))
            .for_each(|(to, from)| *to = *from);
        let device = u32::from_ne_bytes(bytes);
        (device & 0xff) | ((device >> 12) & 0xfff00)
    }
}

/// # Safety
/// `OPCODE` must be one of device-mapper's, whose argument is a struct dm_ioctl.
// The kernel has no other interface than this ioctl; its argument is a plain byte buffer whose size stands in it.
#[allow(unsafe_code)]
unsafe fn send<const OPCODE: Opcode>(
    control: impl AsFd,
    request: &mut Request,
) -> rustix::io::Result<()> {
    // SAFETY: the caller names a device-mapper opcode; the buffer is BUFFER_BYTES long, aligned to 8, and says so in
    // data_size, and the kernel neither reads nor writes beyond data_size.
    unsafe { ioctl(control, Updater::<OPCODE, Request>::new(request)) }
}

/// Makes a read-only verity device over `sectors` 512-byte sectors with the table parameters `parameters`, and gives back
/// its path. Without udev there are no names under /dev/mapper: the node is /dev/dm-N.
///
/// # Errors
/// When the kernel has no device-mapper, or refuses the table.
// Reason for unsafe as at `send`; the three opcodes are device-mapper's.
#[allow(unsafe_code)]
pub fn verity(sectors: u64, parameters: &str) -> Result<String, InitError> {
    let path = "/dev/mapper/control";
    let control = File::options()
        .read(true)
        .write(true)
        .open(path)
        .map_err(doing(path))?;
    let mut created = Request::new(0, 0);
    // SAFETY: CREATE is DM_DEV_CREATE.
    unsafe { send::<CREATE>(&control, &mut created) }
        .map_err(doing("a device-mapper device cannot be made"))?;

    let mut load = Request::new(READ_ONLY, 1);
    let end = HEADER_BYTES + TARGET_BYTES;
    load.put(HEADER_BYTES + 8, &sectors.to_ne_bytes());
    load.put(HEADER_BYTES + 24, b"verity");
    load.put(end, parameters.as_bytes());
    if end + parameters.len() >= BUFFER_BYTES {
        return Err(doing("the verity parameters are too long")(
            rustix::io::Errno::TOOBIG,
        ));
    }
    // SAFETY: LOAD is DM_TABLE_LOAD, and one target specification follows the header.
    unsafe { send::<LOAD>(&control, &mut load) }
        .map_err(doing(format!("dm-verity refuses the root ({parameters})")))?;
    // SAFETY: RESUME is DM_DEV_SUSPEND.
    unsafe { send::<RESUME>(&control, &mut Request::new(0, 0)) }
        .map_err(doing("the verity device cannot be started"))?;
    Ok(format!("/dev/dm-{}", created.minor()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_opcodes_are_those_of_the_kernels_header() {
        // _IOWR(0xfd, n, struct dm_ioctl), from a C program that printed them.
        assert_eq!(
            [CREATE, RESUME, LOAD].map(u64::from),
            [0xC138_FD03, 0xC138_FD06, 0xC138_FD09]
        );
    }

    #[test]
    fn the_answers_device_number_is_decoded() {
        let mut request = Request::new(0, 0);
        request.put(40, &((253_u32 << 8) | 7).to_ne_bytes());
        assert_eq!(request.minor(), 7);
    }
}
