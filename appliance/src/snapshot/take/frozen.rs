//! The fallback when the database gives no answer: it stands still (the kernel's freezer) while all its files are cloned, and is
//! thawed. What is cloned is the state of a crash. It costs the clinic the whole time of the clone, so it is bounded.
//!
//! Somebody else thaws it: a timer that is armed before the freezing goes off after [`LIMIT`] whether we live or not. The order
//! is all there is to it: arm, freeze, clone, thaw, disarm. A clone that was not done before the timer may have gone off is
//! thrown away.

use std::path::Path;
use std::time::Duration;

use super::class::{Class, class};
use super::error::TakeError;
use crate::system::clock;
use crate::system::reflink::clone_tree;

/// How long the database may stand still.
pub const LIMIT: Duration = Duration::from_secs(2);

/// Lets the database stand still and go on again.
#[allow(async_fn_in_trait, reason = "used within this program only")]
pub trait Standstill {
    /// From now on somebody else thaws it after `limit`, whatever becomes of us.
    async fn arm(&self, limit: Duration) -> Result<(), String>;
    /// It stands still, every thread of it, when this comes back with `true`. `false`: it does not run.
    async fn freeze(&self) -> Result<bool, String>;
    /// It goes on.
    async fn thaw(&self) -> Result<(), String>;
    /// The other's thaw is not needed any more.
    async fn disarm(&self) -> Result<(), String>;
}

/// Clones the silent server's `database` into the new directory `to`; gives how long it stood still.
pub(super) async fn clone(
    still: &impl Standstill,
    database: &Path,
    to: &Path,
) -> Result<Duration, TakeError> {
    let armed = clock::since_boot();
    still.arm(LIMIT).await.map_err(TakeError::Freeze)?;
    let frozen = still.freeze().await;
    let began = clock::since_boot();
    let cloned = match &frozen {
        Ok(true) => clone_files(database, to),
        _ => Ok(()),
    };
    let ended = clock::since_boot();
    // Always, also where freezing failed: it may have half-happened.
    let thawed = still.thaw().await;
    let held = clock::since_boot().saturating_sub(began);
    let runs = frozen.map_err(TakeError::Freeze)?;
    // Only what was thawed by us may lose its other thaw.
    thawed.map_err(TakeError::Freeze)?;
    still.disarm().await.map_err(TakeError::Freeze)?;
    cloned?;
    if !runs {
        return Err(TakeError::NotRunning);
    }
    // From before the arming: the timer cannot have gone off earlier than this.
    if ended.saturating_sub(armed) >= LIMIT {
        return Err(TakeError::FrozenTooShort(LIMIT));
    }
    Ok(held)
}

/// Everything, the redo log, too: copying its bytes would take longer than it may.
fn clone_files(database: &Path, to: &Path) -> Result<(), TakeError> {
    clone_tree(database, to, &|path| class(path, None) == Class::LeftOut)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;

    /// Notes the order of what is asked of it.
    #[derive(Default)]
    struct Noting {
        calls: RefCell<Vec<&'static str>>,
        fails: Option<&'static str>,
        does_not_run: bool,
    }

    impl Noting {
        fn note(&self, call: &'static str) -> Result<(), String> {
            self.calls.borrow_mut().push(call);
            if self.fails == Some(call) {
                return Err(format!("{call} failed"));
            }
            Ok(())
        }
    }

    impl Standstill for Noting {
        async fn arm(&self, limit: Duration) -> Result<(), String> {
            assert_eq!(limit, LIMIT);
            self.note("arm")
        }
        async fn freeze(&self) -> Result<bool, String> {
            self.note("freeze").map(|()| !self.does_not_run)
        }
        async fn thaw(&self) -> Result<(), String> {
            self.note("thaw")
        }
        async fn disarm(&self) -> Result<(), String> {
            self.note("disarm")
        }
    }

    fn run(still: &Noting) -> Result<Duration, TakeError> {
        let dir = tempfile::tempdir().unwrap();
        // An empty data directory: nothing to clone, so that any file system does.
        let (from, to) = (dir.path().join("database"), dir.path().join("to"));
        std::fs::create_dir(&from).unwrap();
        let clone = clone(still, &from, &to);
        tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap()
            .block_on(clone)
    }

    #[test]
    fn the_other_thaw_is_armed_before_and_taken_away_after_everything() {
        let still = Noting::default();
        run(&still).unwrap();
        assert_eq!(*still.calls.borrow(), ["arm", "freeze", "thaw", "disarm"]);
    }

    #[test]
    fn nothing_is_frozen_that_nobody_else_would_thaw() {
        let still = Noting {
            fails: Some("arm"),
            ..Noting::default()
        };
        assert!(matches!(run(&still), Err(TakeError::Freeze(_))));
        assert_eq!(*still.calls.borrow(), ["arm"]);
    }

    #[test]
    fn a_thaw_that_failed_leaves_the_other_armed() {
        for (fails, calls) in [
            ("thaw", vec!["arm", "freeze", "thaw"]),
            ("freeze", vec!["arm", "freeze", "thaw"]),
        ] {
            let still = Noting {
                fails: Some(fails),
                ..Noting::default()
            };
            assert!(matches!(run(&still), Err(TakeError::Freeze(_))));
            assert_eq!(*still.calls.borrow(), calls);
        }
    }

    #[test]
    fn a_database_that_does_not_run_is_not_taken_as_it_lies() {
        let still = Noting {
            does_not_run: true,
            ..Noting::default()
        };
        assert!(matches!(run(&still), Err(TakeError::NotRunning)));
        assert_eq!(*still.calls.borrow(), ["arm", "freeze", "thaw", "disarm"]);
    }
}
