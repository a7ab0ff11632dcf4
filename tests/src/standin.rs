//! A clerk of the stand-in application: adds records and counts them, over HTTP through the door.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::http;

const BOUND: Duration = Duration::from_secs(20);

/// One logged-in user of a stand-in application.
#[derive(Debug, Clone)]
pub struct Clinic {
    base: String,
    user: String,
    password: String,
    patience: Duration,
}

/// What was added, and acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Added {
    /// UUID of the patient.
    pub patient: String,
    /// UUIDs of the encounters.
    pub encounters: Vec<String>,
    /// UUIDs of the observations.
    pub obs: Vec<String>,
}

impl Added {
    /// Every UUID.
    pub fn uuids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.patient)
            .chain(&self.encounters)
            .chain(&self.obs)
            .map(String::as_str)
    }
}

/// Records that are not voided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Counts {
    /// Rows of `patient`.
    pub patient: u64,
    /// Rows of `encounter`.
    pub encounter: u64,
    /// Rows of `obs`.
    pub obs: u64,
}

impl Clinic {
    /// `base`: scheme and host, such as `http://10.213.1.2`.
    pub fn new(base: &str, user: &str, password: &str) -> Self {
        Self {
            base: base.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            patience: BOUND,
        }
    }

    /// The same clerk, who waits at most this long for an answer (20 s else).
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Adds one patient with an encounter and three observations in one transaction. Returned means acknowledged.
    ///
    /// # Errors
    /// When it was not acknowledged.
    pub fn add_patient(&self) -> Result<Added> {
        self.add_patient_named("Maria")
    }

    /// The same for a patient with this given name.
    ///
    /// # Errors
    /// When it was not acknowledged.
    pub fn add_patient_named(&self, given: &str) -> Result<Added> {
        let url = format!("{}/openmrs/standin/records", self.base);
        let answer = http::post_as(
            &url,
            &self.user,
            &self.password,
            &[("given", given)],
            self.patience,
        )?;
        ensure!(
            answer.status == 201,
            "adding a patient was answered with {}: {}",
            answer.status,
            answer.body
        );
        serde_json::from_str(&answer.body).with_context(|| answer.body.clone())
    }

    /// Whether this UUID is there.
    ///
    /// # Errors
    /// When nobody answers, or the login is refused.
    pub fn has(&self, uuid: &str) -> Result<bool> {
        let url = format!("{}/openmrs/standin/record?uuid={uuid}", self.base);
        let answer = http::get_as(&url, &self.user, &self.password, self.patience)?;
        ensure!(
            matches!(answer.status, 200 | 404),
            "looking for {uuid} was answered with {}: {}",
            answer.status,
            answer.body
        );
        Ok(answer.status == 200)
    }

    /// Opens the login page.
    ///
    /// # Errors
    /// When it does not come.
    pub fn login_page(&self) -> Result<()> {
        let url = format!("{}/openmrs/login.htm", self.base);
        let answer = http::get(&url, self.patience)?;
        ensure!(
            answer.status == 200,
            "the login page was answered with {}",
            answer.status
        );
        Ok(())
    }

    /// Breaks the application from inside (`tests/standin/README.md`); its switch for faults must be on.
    ///
    /// # Errors
    /// When it does not accept.
    pub fn cause_fault(&self, what: &str) -> Result<()> {
        let url = format!("{}/openmrs/standin/fault", self.base);
        let form = [("what", what)];
        let answer = http::post_as(&url, &self.user, &self.password, &form, self.patience)?;
        ensure!(
            answer.status == 202,
            "the fault {what} was answered with {}: {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    /// Counts the records.
    ///
    /// # Errors
    /// When nobody answers, or the login is refused.
    pub fn counts(&self) -> Result<Counts> {
        let url = format!("{}/openmrs/standin/counts", self.base);
        let answer = http::get_as(&url, &self.user, &self.password, self.patience)?;
        ensure!(
            answer.status == 200,
            "counting was answered with {}: {}",
            answer.status,
            answer.body
        );
        serde_json::from_str(&answer.body).with_context(|| answer.body.clone())
    }
}
