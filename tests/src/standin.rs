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
        }
    }

    /// Adds one patient with an encounter and three observations in one transaction. Returned means acknowledged.
    ///
    /// # Errors
    /// When it was not acknowledged.
    pub fn add_patient(&self) -> Result<()> {
        let url = format!("{}/openmrs/standin/records", self.base);
        let answer = http::post_as(
            &url,
            &self.user,
            &self.password,
            &[("given", "Maria")],
            BOUND,
        )?;
        ensure!(
            answer.status == 201,
            "adding a patient was answered with {}: {}",
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
        let answer = http::get_as(&url, &self.user, &self.password, BOUND)?;
        ensure!(
            answer.status == 200,
            "counting was answered with {}: {}",
            answer.status,
            answer.body
        );
        serde_json::from_str(&answer.body).with_context(|| answer.body.clone())
    }
}
