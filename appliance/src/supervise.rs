//! Judges whether the clinic can work: asks the application, not the process table.

pub mod decide;
pub mod diagnosis;
pub mod door;
pub mod evidence;
pub mod http;
pub mod judgement;
pub mod ladder;
pub mod ledger;
pub mod name_servers;
pub mod observation;
pub mod page;
pub mod seen;
pub mod situation;
pub mod starts;
pub mod watch;
