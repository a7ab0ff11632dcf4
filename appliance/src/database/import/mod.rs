//! Takes the dump of an old server in: read, loaded into a throwaway server, counted, and only
//! then exchanged with the live database.
//!
//! The road of a dump: in a process of its own that has nothing but the dump and a pipe ([`reading`]), [`source`]
//! unpacks it, [`lexer`] cuts it, [`statement`] says what each piece is, [`census`] counts and decides what the server
//! gets; [`load`] sends that to the [`throwaway`] server, [`mend`] does what OpenMRS needs, [`exchange`] puts it in place. [`survey`] is the same
//! road without a server.

pub mod census;
pub mod collation;
pub mod error;
pub mod exchange;
pub mod lexer;
pub mod load;
pub mod mend;
pub mod properties;
pub mod reading;
pub mod report;
pub mod run;
pub mod source;
pub mod space;
pub mod statement;
pub mod survey;
pub mod throwaway;
pub mod tokens;
