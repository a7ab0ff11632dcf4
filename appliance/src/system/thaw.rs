//! A thaw that somebody else does: a timer of systemd's, armed before a unit is frozen, so that the unit goes on whatever becomes
//! of this process (systemd.timer(5), org.freedesktop.systemd1(5): StartTransientUnit).

use std::time::Duration;

use super::units::{UnitError, Units};

/// systemd may put a timer off by this.
const ACCURACY: Duration = Duration::from_millis(20);
const SYSTEMCTL: &str = "/usr/bin/systemctl";

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Transient {
    fn start_transient_unit(
        &self,
        name: &str,
        mode: &str,
        properties: &[(&str, zbus::Variant<'_>)],
        auxiliary: &[(&str, &[(&str, zbus::Variant<'_>)])],
    ) -> zbus::Result<zbus::OwnedObjectPath>;
}

/// The timer's name: this process's own, so that one of a process before it cannot be in the way.
fn name(ending: &str) -> String {
    format!("posto-thaw-{}.{ending}", std::process::id())
}

/// `unit` is thawed after `limit`. When this comes back the timer runs.
///
/// # Errors
/// When systemd refuses or is away: nobody else would thaw it then.
pub async fn arm(unit: &str, limit: Duration) -> zbus::Result<()> {
    let microseconds = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let argv: Vec<String> = [SYSTEMCTL, "thaw", unit].map(String::from).into();
    let service_name = name("service");
    let collected = ("CollectMode", zbus::Variant::from("inactive-or-failed"));
    let alone = ("DefaultDependencies", zbus::Variant::from(false));
    let service = [
        ("Type", zbus::Variant::from("oneshot")),
        (
            "ExecStart",
            zbus::Variant::new(vec![(SYSTEMCTL.to_string(), argv, false)]),
        ),
        ("CollectMode", zbus::Variant::from("inactive-or-failed")),
        ("DefaultDependencies", zbus::Variant::from(false)),
    ];
    let at = vec![("OnActiveSec".to_string(), microseconds(limit))];
    let timer = [
        ("TimersMonotonic", zbus::Variant::new(at)),
        ("AccuracyUSec", zbus::Variant::from(microseconds(ACCURACY))),
        ("RemainAfterElapse", zbus::Variant::from(false)),
        collected,
        alone,
    ];
    TransientProxy::new(&zbus::Connection::system().await?)
        .await?
        .start_transient_unit(
            &name("timer"),
            "replace",
            &timer,
            &[(service_name.as_str(), &service)],
        )
        .await
        .map(drop)
}

/// Takes the timer away. One that has gone off is fine.
///
/// # Errors
/// When systemd refuses or is away; the timer then goes off and finds nothing to thaw.
pub async fn disarm() -> Result<(), UnitError> {
    const LIMIT: Duration = Duration::from_secs(10);
    Units::connect().await?.stop(&name("timer"), LIMIT).await
}
