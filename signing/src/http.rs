//! A mirror over HTTP. Everything read is bounded, in bytes and in time.

use std::io::Read;
use std::time::Duration;

use crate::source::{Source, SourceError, TargetPath};
use crate::workflow::{Answer, Request};

/// How long a mirror may take.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// To accept a connection.
    pub connect: Duration,
    /// For a whole metadata file, from the question to the last byte: a mirror that sends a byte a second ends here.
    pub metadata: Duration,
    /// For a whole target.
    pub target: Duration,
}

impl Default for Patience {
    /// A 2G link brings the longest targets file (5 MB) in 5 minutes; a target in six hours.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            metadata: Duration::from_secs(300),
            target: Duration::from_secs(6 * 3600),
        }
    }
}

/// A mirror.
#[derive(Debug)]
pub struct HttpSource {
    agent: ureq::Agent,
    metadata: String,
    targets: Option<String>,
    patience: Patience,
}

impl HttpSource {
    /// A mirror by the addresses of its metadata and its targets.
    #[must_use]
    pub fn new(metadata: &str, targets: Option<&str>, patience: Patience) -> Self {
        let folder = |address: &str| format!("{}/", address.trim_end_matches('/'));
        let agent = ureq::Agent::config_builder()
            .timeout_connect(Some(patience.connect))
            .timeout_global(Some(patience.metadata))
            .http_status_as_error(false)
            // A mirror is where it is said to be: what it would redirect to is another one.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .build()
            .into();
        Self {
            agent,
            metadata: folder(metadata),
            targets: targets.map(folder),
            patience,
        }
    }
}

fn broken(address: &str, why: &dyn std::fmt::Display) -> SourceError {
    SourceError::Http {
        address: address.to_owned(),
        why: why.to_string(),
    }
}

impl Source for HttpSource {
    fn metadata(&mut self, request: &Request) -> Result<Answer, SourceError> {
        let address = format!("{}{}", self.metadata, request.file_name());
        let mut response = self
            .agent
            .get(&address)
            .call()
            .map_err(|error| broken(&address, &error))?;
        match response.status().as_u16() {
            200 => {}
            // Object stores say 403 of what they do not have.
            403 | 404 => return Ok(Answer::Absent),
            status => return Err(broken(&address, &format!("status {status}"))),
        }
        let mut content = Vec::new();
        response
            .body_mut()
            .as_reader()
            .take(request.max_bytes.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(|error| broken(&address, &error))?;
        Ok(Answer::File(content))
    }

    fn target(&mut self, path: &TargetPath) -> Result<Box<dyn Read>, SourceError> {
        let Some(targets) = &self.targets else {
            return Err(SourceError::Absent(path.as_str().to_owned()));
        };
        let address = format!("{targets}{}", path.in_address());
        let response = self
            .agent
            .get(&address)
            .config()
            .timeout_global(Some(self.patience.target))
            .build()
            .call()
            .map_err(|error| broken(&address, &error))?;
        match response.status().as_u16() {
            200 => Ok(Box::new(response.into_body().into_reader())),
            403 | 404 => Err(SourceError::Absent(path.as_str().to_owned())),
            status => Err(broken(&address, &format!("status {status}"))),
        }
    }
}
