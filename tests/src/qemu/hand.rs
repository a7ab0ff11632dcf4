//! A hand inside a running machine: the technician's shell, opened at the screen with the code, starts another one on the second
//! serial line. There a test gives commands and hears what they say, also of the screen itself.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::machine::Machine;
use super::site::Site;
use crate::command::Said;
use crate::wait;

/// What the technician types: a shell that outlives the session at the screen. Its own words go to the serial line alone.
const OPEN: &str = "systemd-run -q -p TTYPath=/dev/ttyS1 -p StandardInput=tty -p StandardOutput=tty bash --noediting";
/// Its first prompt: before, whatever is sent is lost when systemd resets the terminal.
const PROMPT: &str = "# ";
/// The code's Argon2id and a session's start, in emulation on a loaded machine; there is no event of them to wait for outside.
const SESSION: Duration = Duration::from_secs(30);
/// Until the shell on the line answers.
const ANSWER: Duration = Duration::from_secs(120);
/// Most that a command may say, bytes.
const SAID_MAX_BYTES: usize = 8 << 20;
/// A terminal's line takes 4096 bytes.
const COMMAND_MAX_BYTES: usize = 3800;

/// An open line to a root shell.
#[derive(Debug)]
pub struct Hand {
    line: UnixStream,
    asked: u64,
}

/// Opens the technician's entry of the menu at the screen with the code of this box.
///
/// # Errors
/// When the code cannot be read or typed.
pub fn open_technician(site: &Site, machine: &mut Machine) -> Result<()> {
    let code = {
        let data = site.running_data()?;
        std::fs::read_to_string(data.path().join("secrets/technician-code"))?
    };
    picture(machine, "1-menu")?;
    // By its number: a lost key ends on another page, never at the box's power. Before it: how it is, noted, restart, events, language.
    machine.press(&["6", "6", "ret"])?;
    machine.type_digits(code.trim())?;
    picture(machine, "2-code")?;
    machine.press(&["ret"])
}

/// Keeps a picture of the screen where `POSTO_PICTURES` says.
///
/// # Errors
/// When QEMU cannot write it.
pub fn picture(machine: &mut Machine, name: &str) -> Result<()> {
    match std::env::var_os("POSTO_PICTURES") {
        Some(folder) => machine.picture(&PathBuf::from(folder).join(format!("{name}.png"))),
        None => Ok(()),
    }
}

impl Hand {
    /// Opens the technician's shell at the screen, has it start the one on the line, and leaves.
    ///
    /// # Errors
    /// When nothing answers on the line.
    pub fn open(site: &Site, machine: &mut Machine) -> Result<Self> {
        open_technician(site, machine)?;
        // The pictures tell a person what went wrong if the shell does not come.
        wait::pause(SESSION);
        picture(machine, "3-technician")?;
        // SQL, four journals, the shell.
        machine.press(&["6", "6", "ret"])?;
        wait::pause(SESSION);
        picture(machine, "4-shell")?;
        let line = machine.second_line()?;
        machine.type_text(OPEN)?;
        machine.type_text("\n")?;
        let mut hand = Self { line, asked: 0 };
        hand.hear("a prompt", ANSWER, |said| {
            said.contains(PROMPT).then_some(())
        })?;
        writeln!(hand.line, "PS1=; PS2=; unset TMOUT; stty -echo -onlcr")?;
        hand.ask_within("true", ANSWER)?;
        picture(machine, "5-line")?;
        machine.type_text("exit\n")?;
        Ok(hand)
    }

    /// Runs a shell command as root; what it said on both outputs (`out`), also on failure.
    ///
    /// # Errors
    /// When it has not ended after `bound`.
    pub fn ask_within(&mut self, command: &str, bound: Duration) -> Result<Said> {
        ensure!(
            command.len() <= COMMAND_MAX_BYTES,
            "too long for a terminal"
        );
        self.asked += 1;
        // Written so that an echo of the command is not taken for its end.
        let (begin, end) = (format!("<{}<", self.asked), format!(">{}>", self.asked));
        let number = self.asked;
        writeln!(
            self.line,
            "printf '<%s<' {number}; {{ {command}\n}} </dev/null 2>&1 | cat; \
             printf '>%s>%s\\n' {number} ${{PIPESTATUS[0]}}"
        )?;
        self.hear(&format!("the end of '{command}'"), bound, |said| {
            let (_, inside) = said.split_once(&begin)?;
            let (out, code) = inside.split_once(&end)?;
            let code = code.split_once('\n')?.0.trim().parse().ok()?;
            let (out, err) = (out.to_owned(), String::new());
            Some(Said { code, out, err })
        })
    }

    /// Reads the line until `found` finds in what it said what it looks for.
    fn hear<T>(
        &mut self,
        what: &str,
        bound: Duration,
        found: impl Fn(&str) -> Option<T>,
    ) -> Result<T> {
        let until = Instant::now() + bound;
        let mut said = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&said);
            if let Some(found) = found(&text) {
                return Ok(found);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || said.len() > SAID_MAX_BYTES {
                bail!(
                    "{what}: not in {} s; the line said: {text}",
                    bound.as_secs()
                );
            }
            self.line.set_read_timeout(Some(left))?;
            let mut buffer = [0; 4096];
            match self.line.read(&mut buffer) {
                Ok(0) => bail!("{what}: the machine has ended; the line said: {text}"),
                Ok(length) => said.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Runs a shell command as root; what it said.
    ///
    /// # Errors
    /// When it fails, or has not ended after `bound`.
    pub fn run_within(&mut self, command: &str, bound: Duration) -> Result<String> {
        let said = self.ask_within(command, bound)?;
        ensure!(
            said.code == 0,
            "'{command}' ended with {}: {}",
            said.code,
            said.out
        );
        Ok(said.out)
    }

    /// What stands on the screen at the box (tty1), its lines without their ends' blanks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn screen(&mut self) -> Result<String> {
        // The kernel's own copy of the screen: characters without line ends (vcs(4)).
        self.run_within(
            "fold -w $(stty -F /dev/tty1 size | cut -d' ' -f2) /dev/vcs1 | sed 's/ *$//'",
            ANSWER,
        )
    }

    /// Waits until the screen shows `words`, and gives all of it.
    ///
    /// # Errors
    /// After `bound`, with what it shows instead.
    pub fn wait_for_screen(&mut self, words: &str, bound: Duration) -> Result<String> {
        let mut last = String::new();
        let seen = wait::until(&format!("'{words}' on the screen"), bound, || {
            last = self.screen()?;
            Ok(last.contains(words).then(|| last.clone()))
        });
        seen.with_context(|| format!("the screen shows:\n{last}"))
    }

    /// Writes a small text file inside.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&mut self, path: &Path, text: &str) -> Result<()> {
        let quoted = text.replace('\'', "'\\''");
        let command = format!("printf %s '{quoted}' > {} && sync", path.display());
        self.run_within(&command, ANSWER).map(drop)
    }
}
