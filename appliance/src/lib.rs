//! The appliance: what runs on the box.
//!
//! Arrows point down only: `cli` and `daemon` use the nouns, the nouns use `system`. `system` is the only room that
//! touches the kernel's edges. Files named `decide.rs` import nothing that does I/O.

pub mod alarms;
pub mod box_key;
pub mod cli;
pub mod daemon;
pub mod database;
pub mod door_certificate;
pub mod door_fallback;
pub mod enrolment;
pub mod events;
pub mod facility;
pub mod first_boot;
pub mod guard;
pub mod guards;
pub mod health;
pub mod hub;
pub mod maintenance;
pub mod openmrs;
pub mod places;
pub mod power;
pub mod read_ahead;
pub mod recovery;
pub mod release;
pub mod report;
pub mod services;
pub mod setup;
pub mod sizing;
pub mod snapshot;
pub mod ssh;
pub mod stamp;
pub mod supervise;
pub mod system;
pub mod technician;
pub mod texts;
pub mod update;
pub mod wishes;
