//! What several crates must agree on, defined once.
