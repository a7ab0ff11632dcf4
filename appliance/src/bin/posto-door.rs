//! Opens the door when posto itself cannot judge: posto-door-fallback.service. A program of its own, without the daemon's
//! event loop and D-Bus, so that what breaks those does not break this.

use std::process::ExitCode;

use posto::door_fallback::{self, Outcome};
use posto::places::Places;
use posto::system::log::log;

fn main() -> ExitCode {
    match door_fallback::run(&Places::default()) {
        Ok(Outcome::Left(why)) => {
            log(&format!("the door is left as it is: {why:?}"));
            ExitCode::SUCCESS
        }
        Ok(Outcome::Opened) => {
            log("posto does not judge, OpenMRS and the database answer: the door is open");
            ExitCode::SUCCESS
        }
        Err(error) => {
            log(&format!("posto-door: {error}"));
            ExitCode::FAILURE
        }
    }
}
