//! Takes the dump of an old server in: read, loaded into a throwaway server, counted, and only
//! then exchanged with the live database.

pub mod lexer;
