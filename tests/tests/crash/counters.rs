//! Small durable changes, one after the other, while nothing else asks the disk for anything: each must be there once it has
//! come back. A later flush of anything brings XFS's whole log to the disk, so only a cut at that very moment tells.

use std::path::{Path, PathBuf};

use posto::places::Places;
use posto::system::durable::{self, Owner};

use super::story::{Clock, Span};

/// How often each change is made.
const ROUNDS: u64 = 4;
/// Several blocks, so that a torn one shows.
const CONTENT_BYTES: usize = 9000;

/// A kind of change whose number of times can be read off the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    Write,
    Rename,
    Exchange,
    Directory,
    Remove,
    Tree,
}

const ALL: [Counter; 6] = [
    Counter::Write,
    Counter::Rename,
    Counter::Exchange,
    Counter::Directory,
    Counter::Remove,
    Counter::Tree,
];

/// The change that brought `counter` to `value`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counted {
    pub(crate) counter: Counter,
    pub(crate) value: u64,
    pub(crate) span: Span,
}

/// Makes what the changes begin from.
pub(crate) fn prepare(places: &Places) {
    let at = folder(places);
    for path in [at.join("one"), at.join("other"), at.join("away")] {
        std::fs::create_dir_all(path).unwrap();
    }
    std::fs::write(at.join("one/mark"), "").unwrap();
    std::fs::write(at.join("file"), content(0)).unwrap();
    std::fs::write(at.join("renamed-0"), "").unwrap();
    for number in 0..ROUNDS {
        std::fs::write(at.join(format!("away/{number}")), "").unwrap();
    }
}

/// Makes all of them.
pub(crate) fn count(places: &Places, clock: &Clock) -> Vec<Counted> {
    let at = folder(places);
    let mut all = Vec::new();
    for value in 1..=ROUNDS {
        for counter in ALL {
            let ((), span) = clock.span(|| counter.raise(&at, value));
            all.push(Counted {
                counter,
                value,
                span,
            });
        }
    }
    all
}

/// What after a cut is not as it was promised.
pub(crate) fn complaints(places: &Places, counted: &[Counted], cut: u64) -> Vec<String> {
    let at = folder(places);
    let mut complaints = Vec::new();
    for counter in ALL {
        let of = || counted.iter().filter(|counted| counted.counter == counter);
        let values = |held: &dyn Fn(Span) -> bool| {
            let values = of().filter(|counted| held(counted.span));
            values.map(|counted| counted.value).max().unwrap_or(0)
        };
        let (done, begun) = (
            values(&|span| span.is_done(cut)),
            values(&|span| span.is_begun(cut) || span.is_done(cut)),
        );
        let good = match counter.read(&at) {
            Ok(found) if counter == Counter::Exchange => {
                (done..=begun).any(|value| value % 2 == found)
            }
            Ok(found) => (done..=begun).contains(&found),
            Err(error) => {
                complaints.push(format!("{counter:?}: {error}"));
                continue;
            }
        };
        if !good {
            let found = counter.read(&at);
            complaints.push(format!(
                "{counter:?}: {done} changes were done, {begun} begun, the disk shows {found:?}"
            ));
        }
    }
    complaints
}

fn folder(places: &Places) -> PathBuf {
    places.posto().join("counters")
}

fn content(value: u64) -> String {
    let line = format!("{value} ");
    line.repeat(CONTENT_BYTES / line.len())
}

impl Counter {
    fn raise(self, at: &Path, value: u64) {
        let owner = Owner::mode(0o644);
        match self {
            Self::Write => durable::write(&at.join("file"), content(value).as_bytes(), owner),
            Self::Rename => durable::rename(
                &at.join(format!("renamed-{}", value - 1)),
                &at.join(format!("renamed-{value}")),
            ),
            Self::Exchange => durable::exchange(&at.join("one"), &at.join("other")),
            Self::Directory => {
                durable::directory(&at.join(format!("made-{value}")), Owner::mode(0o755))
            }
            Self::Remove => durable::remove(&at.join(format!("away/{}", value - 1))),
            Self::Tree => {
                let tree = at.join(format!("tree-{value}"));
                std::fs::create_dir_all(tree.join("deep")).unwrap();
                std::fs::write(tree.join("deep/file"), content(value)).unwrap();
                durable::sync_tree(&tree)
            }
        }
        .unwrap();
    }

    /// How often the change was made, by what is on the disk.
    fn read(self, at: &Path) -> Result<u64, String> {
        let text = |path: &Path| std::fs::read_to_string(path).map_err(|error| error.to_string());
        let there = |name: String| at.join(name).exists();
        match self {
            Self::Write => {
                let found = text(&at.join("file"))?;
                (0..=ROUNDS)
                    .find(|value| found == content(*value))
                    .ok_or_else(|| format!("a file of {} bytes that nobody wrote", found.len()))
            }
            Self::Rename => {
                let found: Vec<u64> = (0..=ROUNDS)
                    .filter(|value| there(format!("renamed-{value}")))
                    .collect();
                match found[..] {
                    [one] => Ok(one),
                    _ => Err(format!("names {found:?}")),
                }
            }
            Self::Exchange => match (there("one/mark".into()), there("other/mark".into())) {
                (true, false) => Ok(0),
                (false, true) => Ok(1),
                marks => Err(format!("marks {marks:?}")),
            },
            Self::Directory => Ok((1..=ROUNDS)
                .take_while(|value| there(format!("made-{value}")))
                .count() as u64),
            Self::Remove => Ok((0..ROUNDS)
                .take_while(|value| !there(format!("away/{value}")))
                .count() as u64),
            Self::Tree => {
                // One that is not flushed yet may be there in any state.
                let whole = |value: &u64| {
                    let file = at.join(format!("tree-{value}/deep/file"));
                    text(&file).is_ok_and(|found| found == content(*value))
                };
                Ok((1..=ROUNDS).take_while(whole).count() as u64)
            }
        }
    }
}
