//! A service's life: what systemd knows of its main process, news of changes, and orders that are not waited for.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::Notify;
use zbus::OwnedVariant;

use super::{ManagerProxy, UnitError, Units, refused};

const UNIT: &str = "org.freedesktop.systemd1.Unit";
const SERVICE: &str = "org.freedesktop.systemd1.Service";

/// What systemd knows of a service. Times are since boot (systemd's monotonic clock).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Life {
    /// active, activating, deactivating, inactive, failed, reloading.
    pub active: String,
    /// running, start-pre, auto-restart, ...
    pub sub: String,
    /// success, exit-code, signal, core-dump, watchdog, oom-kill, start-limit-hit, ...
    pub result: String,
    /// When it last left `inactive`; zero: never.
    pub left_inactive: Duration,
    /// The main process; 0: none.
    pub main_pid: u32,
    /// When the main process was started.
    pub main_started: Duration,
    /// When the last main process ended; zero while it runs.
    pub main_exited: Duration,
    /// How it ended: 1 by itself, 2 by a signal, 3 with a core dump (waitid(2)).
    pub exit_code: i32,
    /// Its exit status, or the signal's number.
    pub exit_status: i32,
    /// How often systemd started it again by itself.
    pub restarts: u32,
}

impl Life {
    /// Whether it serves.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.active == "active"
    }
}

/// News that something about the watched units changed.
#[derive(Debug, Clone)]
pub struct News {
    notify: Arc<Notify>,
}

impl News {
    /// Waits for the next.
    pub async fn wait(&self) {
        self.notify.notified().await;
    }
}

impl Units {
    /// What systemd knows of the service; one that it does not know is `inactive`.
    ///
    /// # Errors
    /// [`UnitError::Refused`].
    pub async fn life(&self, unit: &str) -> Result<Life, UnitError> {
        let refused = |source| refused("look at", unit, source);
        let properties = self.properties(unit).await.map_err(refused)?;
        let get = async |interface: &str, name: &str| -> Result<OwnedVariant, UnitError> {
            properties
                .call("Get", &(interface, name))
                .await
                .map_err(refused)
        };
        let text = |value: OwnedVariant| String::try_from(value).unwrap_or_default();
        let time = |value: OwnedVariant| Duration::from_micros(u64::try_from(value).unwrap_or(0));
        Ok(Life {
            active: text(get(UNIT, "ActiveState").await?),
            sub: text(get(UNIT, "SubState").await?),
            left_inactive: time(get(UNIT, "InactiveExitTimestampMonotonic").await?),
            result: text(get(SERVICE, "Result").await?),
            main_pid: u32::try_from(get(SERVICE, "MainPID").await?).unwrap_or(0),
            main_started: time(get(SERVICE, "ExecMainStartTimestampMonotonic").await?),
            main_exited: time(get(SERVICE, "ExecMainExitTimestampMonotonic").await?),
            exit_code: i32::try_from(get(SERVICE, "ExecMainCode").await?).unwrap_or(0),
            exit_status: i32::try_from(get(SERVICE, "ExecMainStatus").await?).unwrap_or(0),
            restarts: u32::try_from(get(SERVICE, "NRestarts").await?).unwrap_or(0),
        })
    }

    /// Listens for changes of these units. When the bus goes away the news wakes, too: the next look will tell.
    ///
    /// # Errors
    /// [`UnitError`].
    pub async fn news(&self, units: &[&str]) -> Result<News, UnitError> {
        self.subscribed()
            .await
            .map_err(|source| refused("listen to", "systemd", source))?;
        let notify = Arc::new(Notify::new());
        for unit in units {
            let failed = |source| refused("listen to", unit, source);
            let proxy = self.properties(unit).await.map_err(failed)?;
            let mut changes = proxy
                .receive_signal("PropertiesChanged")
                .await
                .map_err(failed)?;
            let notify = Arc::clone(&notify);
            tokio::spawn(async move {
                while changes.next().await.is_some() {
                    notify.notify_one();
                }
                notify.notify_one();
            });
        }
        Ok(News { notify })
    }

    /// Where systemd tells of the unit.
    async fn properties(&self, unit: &str) -> zbus::Result<zbus::Proxy<'static>> {
        let path = ManagerProxy::new(&self.bus).await?.load_unit(unit).await?;
        zbus::Proxy::new_owned(
            self.bus.clone(),
            "org.freedesktop.systemd1",
            path,
            "org.freedesktop.DBus.Properties",
        )
        .await
    }

    /// Asks for a stop and a start, and comes back at once. One on which systemd had given up is taken up again.
    ///
    /// # Errors
    /// [`UnitError::Refused`].
    pub async fn order_restart(&self, unit: &str) -> Result<(), UnitError> {
        let manager = self.manager().await?;
        // Not failed is fine; the start limit would refuse the order otherwise.
        let _ = manager.reset_failed_unit(unit).await;
        manager
            .restart_unit(unit, "replace")
            .await
            .map_err(|source| refused("restart", unit, source))
            .map(drop)
    }

    /// Asks for a start, and comes back at once.
    ///
    /// # Errors
    /// [`UnitError::Refused`].
    pub async fn order_start(&self, unit: &str) -> Result<(), UnitError> {
        let manager = self.manager().await?;
        let _ = manager.reset_failed_unit(unit).await;
        manager
            .start_unit(unit, "replace")
            .await
            .map_err(|source| refused("start", unit, source))
            .map(drop)
    }

    /// Asks for a stop, and comes back at once.
    ///
    /// # Errors
    /// [`UnitError::Refused`].
    pub async fn order_stop(&self, unit: &str) -> Result<(), UnitError> {
        self.manager()
            .await?
            .stop_unit(unit, "replace")
            .await
            .map_err(|source| refused("stop", unit, source))
            .map(drop)
    }

    /// Sends a signal to all processes of the unit.
    ///
    /// # Errors
    /// [`UnitError::Refused`].
    pub async fn signal(&self, unit: &str, signal: i32) -> Result<(), UnitError> {
        self.manager()
            .await?
            .kill_unit(unit, "all", signal)
            .await
            .map_err(|source| refused("signal", unit, source))
    }
}
