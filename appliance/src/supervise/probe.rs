//! Looks at everything the judgement needs, each look bounded in time.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::door::{Answer, Observation, Unit};
use super::http;
use crate::alarms::{self, Source};
use crate::database::client::Client;
use crate::database::server::OPENMRS_UNIT;
use crate::maintenance;
use crate::openmrs::properties;
use crate::places::Places;
use crate::system::durable;
use crate::system::units::{UnitState, Units};

/// Tomcat, on loopback only.
pub const OPENMRS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
/// The rendered page.
pub const PAGE: &str = "/openmrs/";
/// Asking for it sets a first installation off.
pub const WIZARD: &str = "/openmrs/initialsetup";
const GUARD_UNIT: &str = "posto-guard.service";

const HEALTH_LIMIT: Duration = Duration::from_secs(5);
const PAGE_LIMIT: Duration = Duration::from_secs(10);
const SQL_LIMIT: Duration = Duration::from_secs(5);
const BUS_LIMIT: Duration = Duration::from_secs(5);

/// Keeps its connections between rounds.
#[derive(Debug, Default)]
pub struct Probe {
    sql: Option<Client>,
    units: Option<Units>,
}

/// One round's looks.
#[derive(Debug)]
pub struct Round {
    /// For the judgement.
    pub seen: Observation,
    /// Time since boot when openmrs.service last left inactive.
    pub started_at: Duration,
}

impl Probe {
    /// One round. Takes 35 s at most, when everything hangs.
    pub async fn look(&mut self, places: &Places) -> Round {
        let guard = self.unit(GUARD_UNIT).await;
        let openmrs = self.unit(OPENMRS_UNIT).await;
        let unit = openmrs
            .as_ref()
            .map_or(Unit::Down, |state| match state.active.as_str() {
                "active" => Unit::Up,
                // start-pre: prepare waits for the database. auto-restart: systemd tries again.
                "activating" | "reloading" => Unit::Starting,
                // Its turn at boot has not come yet.
                "inactive" if state.left_inactive.is_zero() => Unit::Starting,
                _ => Unit::Down,
            });
        let sql = self.sql_answers(places).await;
        let up = unit == Unit::Up;
        let started = if up {
            http::ask(OPENMRS, "/openmrs/health/started", HEALTH_LIMIT).await
        } else {
            Answer::Silent
        };
        let alive = if up && started != Answer::Status(200) {
            http::ask(OPENMRS, "/openmrs/health/alive", HEALTH_LIMIT).await
        } else {
            started
        };
        let page = if started == Answer::Status(200) {
            http::ask(OPENMRS, PAGE, PAGE_LIMIT).await
        } else {
            Answer::Silent
        };
        let settings = durable::read(&places.runtime_properties(), properties::LIMIT_BYTES)
            .ok()
            .flatten();
        let refused = [Source::FirstBoot, Source::Guard, Source::OpenmrsPrepare]
            .into_iter()
            .find_map(|source| alarms::standing_of(places, source))
            .map(|alarm| alarm.code);
        Round {
            seen: Observation {
                maintenance: maintenance::under_way(places)
                    .map(|record| (record.kind, record.progress)),
                guard_passed: guard.is_some_and(|state| state.is_active()),
                refused,
                sql,
                unit,
                started,
                alive,
                page,
                install_pending: places.install_pending().exists(),
                settings_finished: settings
                    .is_some_and(|bytes| properties::is_finished(&String::from_utf8_lossy(&bytes))),
            },
            started_at: openmrs.map_or(Duration::ZERO, |state| state.left_inactive),
        }
    }

    /// The connection to the database, while it answers.
    pub fn sql(&mut self) -> Option<&mut Client> {
        self.sql.as_mut()
    }

    /// The connection to systemd, while it answers.
    #[must_use]
    pub fn units(&self) -> Option<&Units> {
        self.units.as_ref()
    }

    async fn sql_answers(&mut self, places: &Places) -> bool {
        if self.sql.is_none() {
            self.sql = Client::connect(&places.database_socket(), SQL_LIMIT)
                .await
                .ok();
        }
        let answers = match &mut self.sql {
            Some(client) => client.run("DO 1").await.is_ok(),
            None => false,
        };
        if !answers {
            self.sql = None;
        }
        answers
    }

    async fn unit(&mut self, name: &str) -> Option<UnitState> {
        let look = async {
            if self.units.is_none() {
                self.units = Units::connect().await.ok();
            }
            match &self.units {
                Some(units) => units.state(name).await.ok(),
                None => None,
            }
        };
        let state = tokio::time::timeout(BUS_LIMIT, look).await.ok().flatten();
        if state.is_none() {
            // The bus may have been restarted: connect anew in the next round.
            self.units = None;
        }
        state
    }
}
