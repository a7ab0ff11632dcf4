//! Standing still by systemd: the unit's cgroup is frozen, and a timer of systemd's own thaws it if we do not.

use std::time::Duration;

use super::frozen::Standstill;
use crate::database::server;
use crate::system::{freezer, thaw};

/// mariadb.service.
#[derive(Debug, Clone, Copy, Default)]
pub struct DatabaseUnit;

impl Standstill for DatabaseUnit {
    async fn arm(&self, limit: Duration) -> Result<(), String> {
        thaw::arm(server::UNIT, limit)
            .await
            .map_err(|error| error.to_string())
    }

    async fn freeze(&self) -> Result<bool, String> {
        freezer::freeze(server::UNIT)
            .await
            .map_err(|error| error.to_string())
    }

    async fn thaw(&self) -> Result<(), String> {
        freezer::thaw(server::UNIT)
            .await
            .map(drop)
            .map_err(|error| error.to_string())
    }

    async fn disarm(&self) -> Result<(), String> {
        thaw::disarm().await.map_err(|error| error.to_string())
    }
}
