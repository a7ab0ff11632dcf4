//! A running hub.

use std::io::{BufRead, BufReader, Write};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ed25519_dalek::VerifyingKey;
use posto::health::ack::{Ack, Verdict};
use posto::hub::store::Store;

use crate::boxes::MadeUp;

/// A hub's process and where it listens.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) web: String,
    pub(crate) pings: String,
    pub(crate) key: VerifyingKey,
}

impl Running {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_posto"))
            .args([
                "hub",
                "--listen",
                "127.0.0.1:0",
                "--pings",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(data)
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (web, pings) = line.trim().split_once(" udp://").unwrap();
        Self {
            child,
            web: web.to_string(),
            pings: pings.to_string(),
            key: posto::hub::key::ensure(data).unwrap().verifying_key(),
        }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Resident memory, kB.
    pub(crate) fn memory_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// A socket that reaches it, from this address of loopback.
    pub(crate) fn socket(&self, from: &str) -> UdpSocket {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        socket.connect(&self.pings).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(500)))
            .unwrap();
        socket
    }

    /// Sends until it is answered; the answer and how often it was sent.
    pub(crate) fn ask(&self, socket: &UdpSocket, message: &[u8]) -> (Ack, u32) {
        let mut buffer = [0u8; 512];
        for times in 1..=40 {
            socket.send(message).unwrap();
            if let Ok(length) = socket.recv(&mut buffer) {
                return (
                    Ack::verify(&buffer[..length], &self.key)
                        .unwrap()
                        .into_inner(),
                    times,
                );
            }
        }
        panic!("never answered");
    }

    pub(crate) fn verdict(&self, socket: &UdpSocket, message: &[u8]) -> Verdict {
        self.ask(socket, message).0.verdict
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A data directory with approved boxes.
pub(crate) fn data(boxes: &[MadeUp]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let hellos: Vec<_> = boxes.iter().map(|made_up| made_up.says(0)).collect();
    Store::open(dir.path())
        .unwrap()
        .add_approved(&hellos, "test", 1)
        .unwrap();
    dir
}

/// `posto hub WORDS --data DIR`, with this on its standard input; what it printed.
pub(crate) fn posto(data: &Path, words: &[&str], input: &str) -> String {
    let mut child = Command::new(env!("CARGO_BIN_EXE_posto"))
        .arg("hub")
        .args(words)
        .arg("--data")
        .arg(data)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{words:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_string()
}
