//! `posto restart|stop|start openmrs`: what somebody does by hand. The daemon is told by a wish first, so that it neither
//! takes the stop for a fault nor leaves the door open on a server that is going down.

mod settle;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use clap::ValueEnum;

use super::hands;
use crate::database::server::OPENMRS_UNIT;
use crate::events::{self, Event};
use crate::maintenance;
use crate::places::Places;
use crate::supervise::judgement::Judgement;
use crate::system::clock;
use crate::system::units::Units;
use crate::texts::{Language, say};
use crate::wishes::Wish;

pub(super) use settle::{End, wait_for_door};

/// Longer than the unit's own TimeoutStopSec, so that systemd decides.
const STOP_LIMIT: Duration = Duration::from_secs(120);
/// openmrs-prepare waits for SQL and lays modules out before Java is started.
const START_LIMIT: Duration = Duration::from_secs(1200);
/// The daemon looks every 5 s while all is well.
const DOOR_LIMIT: Duration = Duration::from_secs(15);

/// What can be restarted by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Service {
    /// OpenMRS with its Tomcat; the database goes on
    Openmrs,
}

/// What to do with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// Stop, then start.
    Restart,
    /// Down until it is started by hand or the box restarts.
    Stop,
    /// Up again.
    Start,
}

impl Act {
    const fn event(self) -> &'static str {
        match self {
            Self::Restart => "by-hand-restart",
            Self::Stop => "by-hand-stop",
            Self::Start => "by-hand-start",
        }
    }

    /// The steps, as `--dry-run` names them and `run` does them.
    const fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Restart => &["hand-step-door", "hand-step-stop", "hand-step-start"],
            Self::Stop => &["hand-step-door", "hand-step-stop", "hand-step-stay"],
            Self::Start => &["hand-step-start"],
        }
    }
}

/// Arguments of the three.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What
    service: Service,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
    /// For programs
    #[arg(long)]
    json: bool,
}

/// Runs the command. Exit code 0: done, and OpenMRS is open where it should be; 1: not.
///
/// # Errors
/// When it is not root, a maintenance is under way, or systemd refuses.
pub(super) fn run(act: Act, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let Service::Openmrs = arguments.service;
    let places = Places::default();
    let language = hands::language(&places);
    if arguments.dry_run {
        hands::print_plan(language, act.steps(), arguments.json);
        return Ok(ExitCode::SUCCESS);
    }
    hands::must_be_root(language)?;
    if let Some(record) = maintenance::under_way(&places) {
        let since = record.pid.to_string();
        anyhow::bail!(say(language, "hand-maintenance", &[("pid", since.into())]));
    }
    events::record(&places, &Event::new(act.event()));
    let end = super::wait_for(work(act, &places, language))??;
    hands::print_end(
        language,
        &end.words(language),
        end.is_good(),
        arguments.json,
    );
    Ok(if end.is_good() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

async fn work(act: Act, places: &Places, language: Language) -> anyhow::Result<End> {
    let units = Units::connect()
        .await
        .with_context(|| say(language, "hand-needs-root", &[]))?;
    let spinner = hands::Spinner::new(language);
    if act != Act::Start {
        Wish::OpenmrsStopped.make(places)?;
        spinner.say("hand-step-door");
        settle::wait_for_door_shut(places, DOOR_LIMIT).await;
        spinner.say("hand-step-stop");
        units.stop(OPENMRS_UNIT, STOP_LIMIT).await?;
    }
    if act == Act::Stop {
        return Ok(End::Stopped);
    }
    spinner.say("hand-step-start");
    Wish::OpenmrsStopped.take_back(places)?;
    units.start(OPENMRS_UNIT, START_LIMIT).await?;
    settle::wait_until_settled(places, clock::since_boot(), |judgement: &Judgement| {
        spinner.situation(judgement);
    })
    .await
    .map_err(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_and_event_has_words() {
        for act in [Act::Restart, Act::Stop, Act::Start] {
            for language in [Language::Pt, Language::En] {
                for id in act.steps() {
                    assert_ne!(say(language, id, &[]), *id);
                }
                let event = Event::new(act.event());
                assert!(!event.words(language).starts_with("event-"));
            }
        }
    }
}
