//! The debugger that QEMU offers (gdb's remote serial protocol): a hand inside the kernel of a machine without a shell.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How long QEMU may take to answer.
const ANSWER: Duration = Duration::from_secs(20);
/// Longest answer read, bytes.
const PACKET_MAX_BYTES: usize = 64 << 10;
/// Where x86-64 keeps the instruction pointer in the answer to `g`: after 16 registers of 8 bytes.
const POINTER: std::ops::Range<usize> = 128..136;
/// Addresses from here up are the kernel's.
const KERNEL: u64 = 0xffff_8000_0000_0000;

/// A stopped machine; it goes on when this value is dropped.
#[derive(Debug)]
pub struct Debugger {
    stream: UnixStream,
}

impl Debugger {
    pub(super) fn connect(path: &Path) -> Result<Self> {
        let stream = UnixStream::connect(path)
            .with_context(|| format!("no debugger at {}", path.display()))?;
        stream.set_read_timeout(Some(ANSWER))?;
        let mut debugger = Self { stream };
        // QEMU may begin by telling that the machine has stopped, unasked; this answer is told from that.
        let mut answer = debugger.ask("qC")?;
        while !answer.starts_with("QC") {
            answer = debugger.packet()?;
        }
        Ok(debugger)
    }

    /// Puts machine code where the processors that are in the kernel just now are about to go on, if these are `at_least`
    /// so many. Whether it was done.
    ///
    /// # Errors
    /// When QEMU does not answer as expected.
    pub fn plant_in_kernel(&mut self, code: &[u8], at_least: usize) -> Result<bool> {
        let mut places = Vec::new();
        for processor in self.processors()? {
            let at = self.pointer(&processor)?;
            if at >= KERNEL {
                places.push((processor, at));
            }
        }
        if places.len() < at_least {
            return Ok(false);
        }
        for (processor, at) in places {
            self.expect_ok(&format!("Hg{processor}"))?;
            let (length, code) = (code.len(), hex::encode(code));
            self.expect_ok(&format!("M{at:x},{length:x}:{code}"))?;
        }
        Ok(true)
    }

    fn processors(&mut self) -> Result<Vec<String>> {
        let mut processors = Vec::new();
        let mut answer = self.ask("qfThreadInfo")?;
        while let Some(list) = answer.strip_prefix('m') {
            processors.extend(list.split(',').map(str::to_owned));
            answer = self.ask("qsThreadInfo")?;
        }
        ensure!(
            !processors.is_empty(),
            "the debugger names no processor: {answer}"
        );
        Ok(processors)
    }

    fn pointer(&mut self, processor: &str) -> Result<u64> {
        self.expect_ok(&format!("Hg{processor}"))?;
        let registers = hex::decode(self.ask("g")?).context("registers")?;
        let bytes = registers.get(POINTER).context("too few registers")?;
        Ok(u64::from_le_bytes(bytes.try_into()?))
    }

    fn expect_ok(&mut self, packet: &str) -> Result<()> {
        let answer = self.ask(packet)?;
        ensure!(
            answer == "OK",
            "the debugger answers {packet} with {answer}"
        );
        Ok(())
    }

    fn ask(&mut self, packet: &str) -> Result<String> {
        self.send(packet)?;
        self.packet()
            .with_context(|| format!("asked the debugger for {packet}"))
    }

    fn packet(&mut self) -> Result<String> {
        let mut answer = Vec::new();
        loop {
            match self.byte()? {
                // Acknowledgements and the beginning of a packet.
                b'+' | b'$' => answer.clear(),
                b'#' => break,
                byte => answer.push(byte),
            }
            if answer.len() > PACKET_MAX_BYTES {
                bail!("the debugger's answer does not end");
            }
        }
        for _ in 0..2 {
            self.byte()?;
        }
        self.stream.write_all(b"+")?;
        Ok(String::from_utf8(answer)?)
    }

    fn send(&mut self, packet: &str) -> Result<()> {
        Ok(self.stream.write_all(framed(packet).as_bytes())?)
    }

    fn byte(&mut self) -> Result<u8> {
        let mut byte = [0];
        let read = self.stream.read_exact(&mut byte);
        read.context("the debugger does not answer")?;
        Ok(byte[0])
    }
}

fn framed(packet: &str) -> String {
    let sum = packet.bytes().fold(0u8, u8::wrapping_add);
    format!("${packet}#{sum:02x}")
}

impl Drop for Debugger {
    fn drop(&mut self) {
        // Detaching lets the machine go on; if QEMU is gone, so is the machine.
        self.ask("D").ok();
    }
}

#[cfg(test)]
mod tests {
    use super::framed;

    #[test]
    fn packets_end_with_the_sum_of_their_bytes() {
        // From gdb's manual, appendix E.
        assert_eq!(framed("OK"), "$OK#9a");
        assert_eq!(framed("g"), "$g#67");
    }
}
