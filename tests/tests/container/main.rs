//! The built release in a container: from the virgin mark to an open door, and what must never happen on the way.
//! Needs root, `POSTO_RELEASE_DIR` (a release with the stand-in) and minutes: `./check` runs it.

mod by_hand;
mod carried;
mod cut_stop;
mod ending;
mod ground;
mod guards;
mod hardening;
mod imports;
mod pings;
mod power;
mod programme;
mod rebuilt;
mod refusals;
mod secrets;
mod serving;
mod snapshots;
mod updates;
