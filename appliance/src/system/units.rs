//! systemd over D-Bus: start, stop and restart a unit and wait until its job is done; what state a unit is in.

mod life;

pub use life::{Life, News};

use std::time::Duration;

use futures_util::StreamExt;
use zbus::OwnedObjectPath;

/// What went wrong between us and systemd.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// systemd did not answer or refused.
    #[error("systemd refused to {verb} {unit}: {source}")]
    Refused {
        /// start, stop, restart or look at.
        verb: &'static str,
        /// The unit.
        unit: String,
        /// The bus's answer.
        source: zbus::Error,
    },
    /// The job ended, but not well.
    #[error(
        "could not {verb} {unit}: the job ended with '{result}' (journalctl -u {unit} says why)"
    )]
    Job {
        /// start, stop or restart.
        verb: &'static str,
        /// The unit.
        unit: String,
        /// systemd's word: failed, canceled, timeout, dependency, skipped.
        result: String,
    },
    /// The job did not end in time; it goes on.
    #[error("{unit} did not {verb} within {} s; systemd keeps trying", .limit.as_secs())]
    TooSlow {
        /// start, stop or restart.
        verb: &'static str,
        /// The unit.
        unit: String,
        /// The bound.
        limit: Duration,
    },
    /// The bus is away (no systemd, or not root).
    #[error("could not reach systemd over D-Bus: {0}")]
    Bus(#[from] zbus::Error),
}

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Manager {
    fn subscribe(&self) -> zbus::Result<()>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;
    fn kill_unit(&self, name: &str, whom: &str, signal: i32) -> zbus::Result<()>;
    fn load_unit(&self, name: &str) -> zbus::Result<OwnedObjectPath>;
    fn start_transient_unit(
        &self,
        name: &str,
        mode: &str,
        properties: &[(&str, zbus::Variant<'_>)],
        auxiliary: &[(&str, &[(&str, zbus::Variant<'_>)])],
    ) -> zbus::Result<OwnedObjectPath>;
    #[zbus(signal)]
    fn job_removed(
        &self,
        id: u32,
        job: OwnedObjectPath,
        unit: String,
        result: String,
    ) -> zbus::Result<()>;
}

#[derive(Debug, Clone, Copy)]
enum Verb {
    Start,
    Stop,
    Restart,
}

impl Verb {
    const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
        }
    }
}

/// A connection to systemd.
#[derive(Debug, Clone)]
pub struct Units {
    bus: zbus::Connection,
}

impl Units {
    /// Connects to the system bus.
    ///
    /// # Errors
    /// [`UnitError::Bus`].
    pub async fn connect() -> Result<Self, UnitError> {
        Ok(Self {
            bus: zbus::Connection::system().await?,
        })
    }

    /// Starts the unit (e.g. `mariadb.service`) and waits until systemd says it is up.
    ///
    /// # Errors
    /// [`UnitError::Job`] when it failed, [`UnitError::TooSlow`] when it takes longer than `limit`.
    pub async fn start(&self, unit: &str, limit: Duration) -> Result<(), UnitError> {
        self.job(Verb::Start, unit, limit).await
    }

    /// Stops the unit and waits until it is down. A unit that does not run is fine.
    ///
    /// # Errors
    /// As [`Units::start`].
    pub async fn stop(&self, unit: &str, limit: Duration) -> Result<(), UnitError> {
        self.job(Verb::Stop, unit, limit).await
    }

    /// Stops the unit if it runs, then starts it.
    ///
    /// # Errors
    /// As [`Units::start`].
    pub async fn restart(&self, unit: &str, limit: Duration) -> Result<(), UnitError> {
        self.job(Verb::Restart, unit, limit).await
    }

    /// Runs one program as a unit of its own, outside the caller's sandbox, and comes back at once; the journal
    /// says how it ended.
    ///
    /// # Errors
    /// [`UnitError::Refused`].
    pub async fn run_apart(&self, name: &str, argv: &[&str]) -> Result<(), UnitError> {
        let program = argv.first().copied().unwrap_or_default().to_string();
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_string()).collect();
        // org.freedesktop.systemd1(5): ExecStart is a(sasb), program, argv, whether failing is fine.
        let properties = [
            ("Type", zbus::Variant::from("oneshot")),
            ("CollectMode", zbus::Variant::from("inactive-or-failed")),
            (
                "ExecStart",
                zbus::Variant::new(vec![(program, argv, false)]),
            ),
        ];
        self.manager()
            .await?
            .start_transient_unit(name, "replace", &properties, &[])
            .await
            .map_err(|source| refused("start", name, source))
            .map(drop)
    }

    /// Asks for an orderly restart of the box and comes back at once.
    ///
    /// # Errors
    /// [`UnitError::Refused`].
    pub async fn reboot(&self) -> Result<(), UnitError> {
        self.end_in("reboot.target").await
    }

    /// Asks for an orderly end of everything and no power, and comes back at once.
    ///
    /// # Errors
    /// [`UnitError::Refused`].
    pub async fn power_off(&self) -> Result<(), UnitError> {
        self.end_in("poweroff.target").await
    }

    /// Nothing that is asked for afterwards takes it back.
    async fn end_in(&self, target: &str) -> Result<(), UnitError> {
        self.manager()
            .await?
            .start_unit(target, "replace-irreversibly")
            .await
            .map_err(|source| refused("start", target, source))
            .map(drop)
    }

    async fn manager(&self) -> Result<ManagerProxy<'_>, UnitError> {
        ManagerProxy::new(&self.bus)
            .await
            .map_err(|source| refused("speak to", "systemd", source))
    }

    /// systemd tells this connection of jobs and changes from now on.
    async fn subscribed(&self) -> zbus::Result<ManagerProxy<'_>> {
        let manager = ManagerProxy::new(&self.bus).await?;
        match manager.subscribe().await {
            // A second time on the same connection.
            Err(zbus::Error::MethodError(name, ..))
                if name.as_str() == "org.freedesktop.systemd1.AlreadySubscribed" => {}
            other => other?,
        }
        Ok(manager)
    }

    async fn job(&self, verb: Verb, unit: &str, limit: Duration) -> Result<(), UnitError> {
        let refused = |source| refused(verb.word(), unit, source);
        let late = |_| UnitError::TooSlow {
            verb: verb.word(),
            unit: unit.to_string(),
            limit,
        };
        let run = async {
            let manager = self.subscribed().await.map_err(refused)?;
            // Before the job is asked for, so that a job that ends at once is not missed.
            let mut removed = manager.receive_job_removed().await.map_err(refused)?;
            let job = match verb {
                Verb::Start => manager.start_unit(unit, "replace").await,
                Verb::Stop => manager.stop_unit(unit, "replace").await,
                Verb::Restart => manager.restart_unit(unit, "replace").await,
            };
            let job = match job {
                // Never loaded: it does not run.
                Err(zbus::Error::MethodError(name, ..))
                    if matches!(verb, Verb::Stop)
                        && name.as_str() == "org.freedesktop.systemd1.NoSuchUnit" =>
                {
                    return Ok(());
                }
                other => other.map_err(refused)?,
            };
            while let Some(signal) = removed.next().await {
                let ended = signal.args().map_err(refused)?;
                if ended.job == job {
                    return match ended.result.as_str() {
                        "done" => Ok(()),
                        result => Err(UnitError::Job {
                            verb: verb.word(),
                            unit: unit.to_string(),
                            result: result.to_string(),
                        }),
                    };
                }
            }
            Err(refused(zbus::Error::InvalidReply))
        };
        tokio::time::timeout(limit, run).await.map_err(late)?
    }
}

fn refused(verb: &'static str, unit: &str, source: zbus::Error) -> UnitError {
    UnitError::Refused {
        verb,
        unit: unit.to_string(),
        source,
    }
}
