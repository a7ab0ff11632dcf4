//! A province's hub: the program that `./check` built for the image, run on this machine in a folder of its own.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::command::{ending_with_us, run};
use crate::wait;

/// Names the folder of the image's static programs.
const PROGRAMS: &str = "POSTO_PROGRAMS";
/// It finishes what it is writing, and ends.
const END: Duration = Duration::from_secs(20);

/// The hub's folder; its commands work beside a running hub and without one.
#[derive(Debug)]
pub struct Province {
    program: PathBuf,
    data: PathBuf,
}

/// A running hub; dropped without [`Hub::stop`], it is killed.
#[derive(Debug)]
pub struct Hub {
    process: Child,
}

impl Province {
    /// Keeps the hub's files in `data`.
    ///
    /// # Errors
    /// When `./check` named no programs.
    pub fn new(data: &Path) -> Result<Self> {
        let programs = std::env::var_os(PROGRAMS);
        let programs = programs.with_context(|| format!("{PROGRAMS} is not set: run ./check"))?;
        Ok(Self {
            program: Path::new(&programs).join("posto"),
            data: data.to_path_buf(),
        })
    }

    /// Where its files are.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// What `posto hub WORDS` prints.
    ///
    /// # Errors
    /// When it fails.
    pub fn ask(&self, words: &[&str]) -> Result<String> {
        let (program, data) = (self.program.as_os_str(), self.data.as_os_str());
        let mut argv = vec![program, "hub".as_ref()];
        argv.extend(words.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
        argv.extend(["--data".as_ref(), data]);
        Ok(run(&argv)?.trim().to_owned())
    }

    /// Runs the hub: pages and posts at `listen`, datagrams at `pings`. Returned means that both are listened on.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn run(&self, listen: &str, pings: &str) -> Result<Hub> {
        let mut command = ending_with_us(&[self.program.as_os_str(), "hub".as_ref()]);
        command.args(["--listen", listen, "--pings", pings]);
        command.arg("--data").arg(&self.data);
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut said = String::new();
        let out = process.stdout.take().context("no standard output")?;
        BufReader::new(out).read_line(&mut said)?;
        let hub = Hub { process };
        ensure!(said.contains("udp://"), "the hub did not come up: {said}");
        Ok(hub)
    }

    /// What the hub at `listen` counted since its start, by what became of it (`posto_hub_messages_total`).
    ///
    /// # Errors
    /// When it does not answer.
    pub fn messages(&self, listen: &str, fate: &str) -> Result<u64> {
        let token = self.ask(&["token", "add", "test"])?;
        let mut answer = ureq::get(format!("http://{listen}/metrics"))
            .header("Authorization", format!("Bearer {token}"))
            .call()?;
        let text = answer.body_mut().read_to_string()?;
        let line = format!("posto_hub_messages_total{{fate=\"{fate}\"}} ");
        let count = text.lines().find_map(|said| said.strip_prefix(&line));
        Ok(count.with_context(|| text.clone())?.trim().parse()?)
    }
}

impl Hub {
    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its orderly end.
    ///
    /// # Errors
    /// When it does not end, or not in order.
    pub fn stop(mut self) -> Result<()> {
        kill(
            Pid::from_raw(self.process.id().try_into()?),
            Signal::SIGTERM,
        )?;
        let status = wait::until("the hub's end", END, || Ok(self.process.try_wait()?))?;
        if !status.success() {
            bail!("the hub ended with {status}");
        }
        Ok(())
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
