//! Freezes mariadb.service as a snapshot of a silent database does, and then does nothing: kill it, and see systemd's timer thaw
//! the database by itself (docs/decisions.md). For a container or a box that may stand still for two seconds:
//! `cargo run -p posto --example standstill`.

use posto::snapshot::take::systemd::DatabaseUnit;
use posto::snapshot::take::{STANDSTILL_LIMIT, Standstill};

#[allow(clippy::print_stdout, reason = "an example speaks to whoever runs it")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        DatabaseUnit.arm(STANDSTILL_LIMIT).await?;
        let froze = DatabaseUnit.freeze().await?;
        println!("frozen: {froze}; kill me");
        std::future::pending::<Result<(), Box<dyn std::error::Error>>>().await
    })
}
