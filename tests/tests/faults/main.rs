//! The fault table: each fault injected for real into a running box while somebody writes; one line a fault. It fails when an
//! acknowledged record is missing or the box does not come back; times stand beside their goals, since this machine is
//! not a facility's box. Needs root and `POSTO_RELEASE_DIR` (a release with the stand-in): `./check` runs it.

mod database;
mod ground;
mod openmrs;
mod posto;
mod slow;
mod surroundings;
