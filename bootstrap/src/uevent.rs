//! The kernel's device events, so that waiting for a disk costs no polling.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::netlink::{KOBJECT_UEVENT, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

use crate::error::{InitError, doing};

/// Group 1 of the uevent socket: the kernel's own messages.
const KERNEL_GROUP: u32 = 1;

/// An open listener; events since it was opened wait in it.
#[derive(Debug)]
pub struct Uevents {
    socket: OwnedFd,
}

impl Uevents {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the kernel gives no such socket.
    pub fn listen() -> Result<Self, InitError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            flags,
            Some(KOBJECT_UEVENT),
        )
        .map_err(doing("the kernel's device events cannot be opened"))?;
        bind(&socket, &SocketAddrNetlink::new(0, KERNEL_GROUP))
            .map_err(doing("the kernel's device events cannot be heard"))?;
        Ok(Self { socket })
    }

    /// Waits for any event; false when `until` has passed. Which event it was does not matter: the caller looks again.
    ///
    /// # Errors
    /// When waiting itself fails.
    pub fn wait(&self, until: Instant) -> Result<bool, InitError> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        // An event may be lost when the socket's buffer overflows, so look again every second at the latest.
        let step = left.min(Duration::from_secs(1));
        let step = Timespec {
            tv_sec: i64::try_from(step.as_secs()).unwrap_or(1),
            tv_nsec: i64::from(step.subsec_nanos()),
        };
        match poll(&mut [PollFd::new(&self.socket, PollFlags::IN)], Some(&step)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(doing("waiting for the kernel's device events")(error)),
        }
        let mut event = [0_u8; 8192];
        while recv(&self.socket, &mut event, RecvFlags::empty()).is_ok() {}
        Ok(true)
    }
}
