//! Two machines and a cable: network namespaces without a name, so that the kernel takes them away with the last process in them,
//! however this one ends.

use std::fs::File;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;

use nix::sched::{CloneFlags, setns, unshare};

use crate::program::run;

/// The clinic's box.
pub(crate) const CLINIC: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
/// The province's machine.
pub(crate) const PROVINCE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The clinic's end of the cable.
pub(crate) const CLINIC_END: &str = "clinic0";
const PROVINCE_END: &str = "province0";
/// What a packet may have.
pub(crate) const MTU_BYTES: usize = 1500;

/// One machine's network.
pub(crate) struct Machine {
    net: File,
    home: File,
}

fn present() -> File {
    File::open("/proc/thread-self/ns/net").unwrap()
}

impl Machine {
    fn new() -> Self {
        let home = present();
        unshare(CloneFlags::CLONE_NEWNET).expect("needs root");
        let net = present();
        setns(&home, CloneFlags::CLONE_NEWNET).unwrap();
        let machine = Self { net, home };
        machine.ip("link set lo up");
        machine
    }

    /// Does this in it; programs that are started stay there. This thread itself comes back, so that they end with it
    /// ([`crate::program`]).
    pub(crate) fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        setns(&self.net, CloneFlags::CLONE_NEWNET).unwrap();
        let done = work();
        setns(&self.home, CloneFlags::CLONE_NEWNET).unwrap();
        done
    }

    fn ip(&self, words: &str) {
        let words: Vec<&str> = words.split(' ').collect();
        self.inside(|| run("ip", &words));
    }

    /// Its end of the cable. Packets leave as they go over a real one: nothing is handed on in pieces larger than it carries.
    fn plug(&self, end: &str, address: Ipv4Addr) {
        self.ip(&format!("link set {end} mtu {MTU_BYTES} gso_max_segs 1 up"));
        self.ip(&format!("address add {address}/24 dev {end}"));
    }
}

/// Both.
pub(crate) struct Network {
    pub(crate) clinic: Machine,
    pub(crate) province: Machine,
}

impl Network {
    pub(crate) fn new() -> Self {
        let (clinic, province) = (Machine::new(), Machine::new());
        let there = format!(
            "/proc/{}/fd/{}",
            std::process::id(),
            province.net.as_raw_fd()
        );
        clinic.ip(&format!(
            "link add {CLINIC_END} type veth peer name {PROVINCE_END} netns {there}"
        ));
        clinic.plug(CLINIC_END, CLINIC);
        province.plug(PROVINCE_END, PROVINCE);
        Self { clinic, province }
    }
}
