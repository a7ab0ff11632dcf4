//! OpenMRS on the box: its files, its first installation, its admin.

pub mod admin;
pub mod distribution;
pub mod prepare;
pub mod properties;
