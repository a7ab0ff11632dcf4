//! Before the screen: a font with the letters of Portuguese (the kernel's own lacks a and o with a tilde), and the
//! keyboard's layout. Neither is worth keeping the screen dark for.

use std::time::Duration;

use crate::facility::{self, Keyboard};
use crate::places::Places;
use crate::system::log::log;
use crate::system::process::Invocation;

const LIMIT: Duration = Duration::from_secs(10);
const TERMINAL: &str = "/dev/tty1";
const FONT: &str = "/usr/share/consolefonts/lat0-16.psf.gz";

/// Sets both on tty1.
pub(super) fn prepare(places: &Places) {
    let keyboard = facility::in_force(places).0.keyboard;
    for (what, invocation) in [
        (
            "font",
            Invocation::new("/usr/bin/setfont").args(["-C", TERMINAL, FONT]),
        ),
        (
            "keyboard",
            Invocation::new("/usr/bin/loadkeys").args(["-q", "-C", TERMINAL, map(keyboard)]),
        ),
    ] {
        if let Err(error) = invocation.run(LIMIT) {
            log(&format!("the screen keeps the kernel's {what}: {error}"));
        }
    }
}

const fn map(keyboard: Keyboard) -> &'static str {
    match keyboard {
        Keyboard::Pt => "/usr/share/keymaps/i386/qwerty/pt-latin1.kmap.gz",
        Keyboard::Br => "/usr/share/keymaps/i386/qwerty/br-abnt2.kmap.gz",
        Keyboard::Us => "/usr/share/keymaps/i386/qwerty/us.kmap.gz",
    }
}
