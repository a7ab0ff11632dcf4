//! Messages: to the kernel's log, which shows errors on the screen and on the serial line and which journald keeps.

use std::fs::File;
use std::io::Write;

/// Longest message, bytes: the kernel cuts records near 1 KiB.
const MESSAGE_LIMIT_BYTES: usize = 900;

/// The way to the technician.
#[derive(Debug, Default)]
pub struct Console {
    kmsg: Option<File>,
}

impl Console {
    /// Opens the kernel's log; before /dev is mounted there is only the console that the kernel gave.
    #[must_use]
    pub fn open() -> Self {
        Self {
            kmsg: File::options().write(true).open("/dev/kmsg").ok(),
        }
    }

    fn write(&self, level: u8, text: &str) {
        let text: String = text.replace('\n', " ");
        let mut end = text.len().min(MESSAGE_LIMIT_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let line = format!(
            "<{level}>posto-init: {}\n",
            text.get(..end).unwrap_or_default()
        );
        // A message that cannot be written has nowhere else to go.
        let written = self
            .kmsg
            .as_ref()
            .is_some_and(|mut kmsg| kmsg.write_all(line.as_bytes()).is_ok());
        if !written {
            eprintln!("posto-init: {text}");
        }
    }

    /// For the journal only (`quiet` keeps it off the screen).
    pub fn note(&self, text: &str) {
        self.write(6, text);
    }

    /// For whoever stands before the screen, in both languages.
    pub fn say(&self, pt: &str, en: &str) {
        self.write(3, pt);
        self.write(3, en);
    }
}
