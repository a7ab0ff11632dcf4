//! Units that stand still and go on again, over D-Bus: the kernel's freezer keeps every process of theirs where it is.

use zbus::Error;

#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
trait Freezer {
    fn freeze_unit(&self, name: &str) -> zbus::Result<()>;
    fn thaw_unit(&self, name: &str) -> zbus::Result<()>;
}

/// Lets the unit (a slice: with all in it) stand still. `false`: it does not run, so there is nothing to freeze.
///
/// # Errors
/// When systemd refuses or is away.
pub async fn freeze(unit: &str) -> zbus::Result<bool> {
    runs(proxy().await?.freeze_unit(unit).await)
}

/// Lets it go on. `false`: it does not run, or did not stand still.
///
/// # Errors
/// When systemd refuses or is away.
pub async fn thaw(unit: &str) -> zbus::Result<bool> {
    runs(proxy().await?.thaw_unit(unit).await)
}

async fn proxy() -> zbus::Result<FreezerProxy<'static>> {
    FreezerProxy::new(&zbus::Connection::system().await?).await
}

fn runs(done: zbus::Result<()>) -> zbus::Result<bool> {
    match done {
        Ok(()) => Ok(true),
        Err(Error::MethodError(name, ..))
            if matches!(
                name.as_str(),
                "org.freedesktop.systemd1.NoSuchUnit" | "org.freedesktop.systemd1.UnitInactive"
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}
