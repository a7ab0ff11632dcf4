//! The first boot: secrets, certificate and database, made only under the virgin mark.
//!
//! Order: everything is made, then the stamp, then the label as the last step. A power cut before the stamp begins from
//! scratch at the next boot; between stamp and label only the label is missing.

mod certificate;
mod database;
mod secrets;

pub use certificate::{Certificate, CertificateError, make as make_certificate};
pub use database::Tools;
pub use secrets::password_for_people;

use posto_release::layout::{LABEL_DATA, LABEL_VIRGIN};

use crate::alarms::Alarm;
use crate::database::server::{MYSQL_ID, OPENMRS_ID};
use crate::places::Places;
use crate::release::{self, RunningError};
use crate::stamp::{self, Stamp};
use crate::system::durable::{self, DurableError, Owner};
use crate::system::label::{self, LabelError};

/// System tables, InnoDB's first files and the redo log (256 MiB) with room for OpenMRS's own installation.
const NEEDED_BYTES: u64 = 1024 * 1024 * 1024;
const MB: u64 = 1_000_000;

/// What the label and the stamp ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Data in use: hands off.
    Nothing,
    /// Everything was made, only the label is missing.
    Relabel,
    /// Nothing was ever stored here: make everything, from scratch.
    Make,
    /// Not ours, or not known: hands off, alarm.
    Refuse,
}

/// Decides by the label alone, and the stamp under the virgin label. A stamp that cannot be read counts as a stamp.
#[must_use]
pub fn decide(label: &str, stamp: &stamp::Found) -> Decision {
    match (label, stamp) {
        (LABEL_DATA, _) => Decision::Nothing,
        (LABEL_VIRGIN, stamp::Found::Absent) => Decision::Make,
        (LABEL_VIRGIN, _) => Decision::Relabel,
        _ => Decision::Refuse,
    }
}

/// Why the first boot could not be completed. Under the virgin mark nothing of it is believed.
#[derive(Debug, thiserror::Error)]
pub enum FirstBootError {
    /// No data partition.
    #[error("{0}")]
    Label(#[from] LabelError),
    /// A label that is not ours.
    #[error("the data partition has the unknown label '{0}'; nothing was changed")]
    UnknownLabel(String),
    /// Too small.
    #[error("{} MB free on the data partition, {} MB are needed; nothing was made", .free_bytes / MB, NEEDED_BYTES / MB)]
    Full {
        /// Free bytes.
        free_bytes: u64,
    },
    /// A file or directory.
    #[error("{0}")]
    Durable(#[from] DurableError),
    /// The free space cannot be told.
    #[error("the free space of the data partition cannot be read: {0}")]
    Space(std::io::Error),
    /// What is running.
    #[error("{0}")]
    Running(#[from] RunningError),
    /// The kernel's random numbers.
    #[error("no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    /// The certificate.
    #[error("{0}")]
    Certificate(#[from] CertificateError),
    /// The database.
    #[error("the database could not be made: {0}")]
    Database(#[from] database::MakeError),
}

impl FirstBootError {
    /// What the screen says.
    #[must_use]
    pub fn alarm(&self) -> Alarm {
        match self {
            Self::Label(error) => {
                Alarm::new("data-not-mounted", &[("reason", error.to_string().into())])
            }
            Self::UnknownLabel(label) => {
                Alarm::new("data-label", &[("label", label.clone().into())])
            }
            Self::Full { free_bytes } => Alarm::new(
                "first-boot-full",
                &[
                    ("needed", (NEEDED_BYTES / MB).into()),
                    ("free", (free_bytes / MB).into()),
                ],
            ),
            other => Alarm::new("first-boot", &[("reason", other.to_string().into())]),
        }
    }
}

/// Does what the mark asks for and says what it was.
///
/// # Errors
/// Any [`FirstBootError`]; the virgin mark then stands, if it stood.
pub fn run(places: &Places, tools: &Tools) -> Result<Decision, FirstBootError> {
    let data = places.data();
    let found = label::read(&data)?;
    let decision = decide(&found, &stamp::read(places));
    match decision {
        Decision::Nothing => return Ok(decision),
        Decision::Refuse => return Err(FirstBootError::UnknownLabel(found)),
        Decision::Make => make(places, tools)?,
        Decision::Relabel => {}
    }
    label::write(&data, LABEL_DATA)?;
    Ok(decision)
}

fn make(places: &Places, tools: &Tools) -> Result<(), FirstBootError> {
    let running = release::running(places)?;
    // Left-overs of an interrupted first boot: nothing was ever stored here, the mark says so.
    for left_over in [
        places.live(),
        places.secrets(),
        places.install_pending(),
        places.starts(),
    ] {
        durable::remove(&left_over)?;
    }
    let space =
        rustix::fs::statvfs(places.data()).map_err(|error| FirstBootError::Space(error.into()))?;
    let free_bytes = space.f_bavail.saturating_mul(space.f_frsize);
    if free_bytes < NEEDED_BYTES {
        return Err(FirstBootError::Full { free_bytes });
    }
    directories(places)?;
    let database_password = secrets::password_for_programs()?;
    let admin_password = secrets::password_for_people()?;
    let secret = Owner::mode(0o600);
    durable::write(
        &places.database_password(),
        database_password.as_bytes(),
        secret,
    )?;
    durable::write(&places.admin_password(), admin_password.as_bytes(), secret)?;
    let certificate = certificate::make()?;
    durable::write(&places.tls_key(), certificate.key_pem.as_bytes(), secret)?;
    durable::write(
        &places.tls_certificate(),
        certificate.certificate_pem.as_bytes(),
        secret,
    )?;
    let scratch = places.staging().join("first-boot");
    durable::remove(&scratch)?;
    durable::directory(&scratch, Owner::user(MYSQL_ID, 0o700))?;
    database::make(&places.database(), &scratch, &database_password, tools)?;
    durable::remove(&scratch)?;
    durable::sync_tree(&places.live())?;
    durable::write(&places.install_pending(), b"", secret)?;
    Stamp::of(&running).write(places)?;
    Ok(())
}

fn directories(places: &Places) -> Result<(), DurableError> {
    let open = Owner::user(0, 0o755);
    let closed = Owner::user(0, 0o700);
    // 0755: mysql and openmrs pass through to their own directories.
    durable::directory(&places.live(), open)?;
    durable::directory(&places.database(), Owner::user(MYSQL_ID, 0o700))?;
    durable::directory(&places.openmrs(), Owner::user(OPENMRS_ID, 0o700))?;
    durable::directory(&places.replaced(), closed)?;
    durable::directory(&places.snapshots(), closed)?;
    durable::directory(&places.staging(), Owner::user(0, 0o711))?;
    durable::directory(&places.secrets(), closed)?;
    durable::directory(&places.tls(), closed)?;
    durable::directory(&places.posto(), open)?;
    durable::directory(&places.var(), open)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stamp() -> stamp::Found {
        stamp::Found::Stamp(Stamp {
            release: "r".into(),
            slot: None,
            root_hash: None,
        })
    }

    #[test]
    fn only_the_virgin_label_without_a_stamp_makes_anything() {
        assert_eq!(
            decide("posto-virgin", &stamp::Found::Absent),
            Decision::Make
        );
        assert_eq!(decide("posto-virgin", &stamp()), Decision::Relabel);
        let torn = stamp::Found::Unreadable(String::new());
        assert_eq!(decide("posto-virgin", &torn), Decision::Relabel);
        assert_eq!(
            decide("posto-data", &stamp::Found::Absent),
            Decision::Nothing
        );
        assert_eq!(decide("", &stamp::Found::Absent), Decision::Refuse);
    }

    proptest! {
        #[test]
        fn no_other_label_makes_or_relabels(label in "\\PC{0,12}") {
            prop_assume!(label != LABEL_VIRGIN && label != LABEL_DATA);
            for found in [stamp::Found::Absent, stamp()] {
                prop_assert_eq!(decide(&label, &found), Decision::Refuse);
            }
        }
    }
}
