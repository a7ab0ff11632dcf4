//! QEMU's control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

/// How long QEMU may take to answer, seconds.
const ANSWER_SECONDS: u64 = 20;

/// An open control connection.
#[derive(Debug)]
pub struct Qmp {
    stream: BufReader<UnixStream>,
}

impl Qmp {
    pub(super) fn connect(path: &Path) -> Result<Self> {
        let stream =
            UnixStream::connect(path).with_context(|| format!("no QEMU at {}", path.display()))?;
        stream.set_read_timeout(Some(Duration::from_secs(ANSWER_SECONDS)))?;
        let mut qmp = Self {
            stream: BufReader::new(stream),
        };
        qmp.line()?;
        qmp.command("qmp_capabilities")?;
        Ok(qmp)
    }

    fn line(&mut self) -> Result<String> {
        let mut line = String::new();
        if self
            .stream
            .read_line(&mut line)
            .context("QEMU does not answer")?
            == 0
        {
            bail!("QEMU has closed its control socket");
        }
        Ok(line)
    }

    /// Gives a command without arguments and waits for its answer; events in between are passed over.
    ///
    /// # Errors
    /// When QEMU refuses or does not answer.
    pub fn command(&mut self, name: &str) -> Result<()> {
        self.execute(&json!({ "execute": name }))
    }

    /// Gives a command with arguments and waits for its answer; events in between are passed over.
    ///
    /// # Errors
    /// When QEMU refuses or does not answer.
    pub fn command_with(&mut self, name: &str, arguments: &Value) -> Result<()> {
        self.execute(&json!({ "execute": name, "arguments": arguments }))
    }

    fn execute(&mut self, command: &Value) -> Result<()> {
        writeln!(self.stream.get_mut(), "{command}")?;
        loop {
            let line = self.line()?;
            let said: Value = serde_json::from_str(&line).with_context(|| line.clone())?;
            if said.get("return").is_some() {
                return Ok(());
            }
            if said.get("error").is_some() {
                bail!("QEMU refuses {command}: {line}");
            }
        }
    }
}
