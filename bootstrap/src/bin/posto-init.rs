//! Process 1 of the initrd. What it does is in the library; here is only the order, and the restart when it fails.

use std::process::ExitCode;
use std::time::Duration;

use posto_bootstrap::console::Console;
use posto_bootstrap::error::InitError;
use posto_bootstrap::{child, handover, watch};

/// How long a message stays readable before the restart, seconds.
const READABLE_SECONDS: u64 = 10;

fn boot() -> InitError {
    if let Err(error) = handover::kernel_file_systems() {
        return error;
    }
    let console = Console::open();
    let line = match handover::kernel_line() {
        Ok(line) => line,
        Err(error) => return error,
    };
    let mut disk = match handover::find_disk(&line, &console) {
        Ok(disk) => disk,
        Err(error) => return error,
    };
    let error = match handover::prepare(&mut disk, &line, &console) {
        Ok(()) => handover::hand_over(),
        Err(error) => error,
    };
    if watch::arm_rescue(&disk, &line, &console) {
        let other = line.slot.other();
        console.say(
            &format!(
                "o sistema na posição {} não arranca; o próximo arranque tenta a posição {other}",
                line.slot
            ),
            &format!(
                "the system in slot {} does not start; the next boot tries slot {other}",
                line.slot
            ),
        );
    }
    error
}

// The one sleep: a message that nobody can read before the screen goes dark helps nobody.
#[allow(clippy::disallowed_methods)]
fn let_it_be_read() {
    std::thread::sleep(Duration::from_secs(READABLE_SECONDS));
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(code) = child::role(&arguments) {
        return code;
    }
    if std::process::id() != 1 {
        eprintln!(
            "posto-init is the first program of the initrd and does nothing when started by hand; nothing was read or written."
        );
        return ExitCode::from(2);
    }
    let error = boot();
    Console::open().say(
        &format!("o arranque falhou, os dados não foram tocados; reinicia em {READABLE_SECONDS} s: {error}"),
        &format!("the boot failed, the data was not touched; restarting in {READABLE_SECONDS} s: {error}"),
    );
    let_it_be_read();
    rustix::fs::sync();
    // When even that is refused, process 1 ends here: the kernel panics, and panic=10 restarts.
    rustix::system::reboot(rustix::system::RebootCommand::Restart).ok();
    ExitCode::FAILURE
}
