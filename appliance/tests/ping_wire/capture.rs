//! A capture at the clinic's end of the cable: whole IP packets, both ways. Ethernet's headers are not counted (3G has none), nor are
//! its questions for addresses.

use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::ChildStderr;
use std::time::Duration;

use posto::system::clock::pause;
use rustix::process::{Pid, Signal, kill_process};

use crate::network::{CLINIC, CLINIC_END, MTU_BYTES, Network};
use crate::program::Program;

/// When nothing came for so long, what was begun has ended, with all that closes it.
const QUIET: Duration = Duration::from_millis(800);
/// Of the file (pcap, draft-ietf-opsawg-pcap), and before each packet.
const FILE_HEAD: usize = 24;
const PACKET_HEAD: usize = 16;
const ETHERNET_HEAD: usize = 14;
const UDP: u8 = 17;
const TCP: u8 = 6;

/// A packet as it went by.
pub(crate) struct Packet {
    pub(crate) from_clinic: bool,
    /// IP's header included.
    pub(crate) bytes: usize,
    /// What UDP or TCP carry.
    pub(crate) load: Vec<u8>,
}

impl Packet {
    fn read(ip: &[u8]) -> Self {
        let word = |at: usize| usize::from(u16::from_be_bytes([ip[at], ip[at + 1]]));
        let (head, bytes) = (usize::from(ip[0] & 15) * 4, word(2));
        assert!(bytes <= MTU_BYTES, "{bytes} bytes are no packet of a cable");
        let load = match ip[9] {
            UDP => head + 8,
            TCP => head + usize::from(ip[head + 12] >> 4) * 4,
            other => panic!("protocol {other}"),
        };
        Self {
            from_clinic: Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15]) == CLINIC,
            bytes,
            load: ip[load..bytes].to_vec(),
        }
    }

    /// Whether it carries these bytes as they are.
    pub(crate) fn holds(&self, bytes: &[u8]) -> bool {
        self.load.windows(bytes.len()).any(|part| part == bytes)
    }
}

/// tcpdump, writing.
pub(crate) struct Capture {
    tcpdump: Program,
    said: BufReader<ChildStderr>,
    file: PathBuf,
    read: usize,
}

impl Capture {
    pub(crate) fn start(network: &Network, directory: &Path) -> Self {
        let file = directory.join("capture.pcap");
        let words = format!(
            "-i {CLINIC_END} -n -U --immediate-mode -B 16384 -s 0 -Z root -w {} ip",
            file.display()
        );
        let words: Vec<&str> = words.split(' ').collect();
        let mut tcpdump = network.clinic.inside(|| Program::start("tcpdump", &words));
        let mut said = BufReader::new(tcpdump.0.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("listening on") {
            line.clear();
            assert!(said.read_line(&mut line).unwrap() > 0, "tcpdump has ended");
        }
        Self {
            tcpdump,
            said,
            file,
            read: FILE_HEAD,
        }
    }

    /// What went by since the last call.
    pub(crate) fn take(&mut self) -> Vec<Packet> {
        let length = || std::fs::metadata(&self.file).unwrap().len();
        let mut before = length();
        loop {
            pause(QUIET);
            let now = length();
            if now == before {
                break;
            }
            before = now;
        }
        let bytes = std::fs::read(&self.file).unwrap();
        assert_eq!(
            bytes[..4],
            [0xd4, 0xc3, 0xb2, 0xa1],
            "pcap of this machine's order"
        );
        assert_eq!(bytes[20], 1, "of Ethernet");
        let mut packets = Vec::new();
        while self.read < bytes.len() {
            let word = |at: usize| {
                let at = self.read + at;
                u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
            };
            assert_eq!(word(8), word(12), "a packet was cut");
            let frame = self.read + PACKET_HEAD;
            let end = frame + usize::try_from(word(8)).unwrap();
            packets.push(Packet::read(&bytes[frame + ETHERNET_HEAD..end]));
            self.read = end;
        }
        packets
    }

    /// Ends it; none was missed.
    pub(crate) fn end(mut self) {
        let id = Pid::from_child(&self.tcpdump.0);
        kill_process(id, Signal::INT).unwrap();
        let mut said = String::new();
        self.said.read_to_string(&mut said).unwrap();
        assert!(said.contains("\n0 packets dropped by kernel"), "{said}");
    }
}
