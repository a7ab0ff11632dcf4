//! What the image carries of OpenMRS: WAR, modules, configuration, OWAs, front end.

pub mod properties;
pub mod source;
pub mod unpack;
