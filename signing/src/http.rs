//! A mirror over HTTP. Everything read is bounded, in bytes and in time.

use std::io::Read;
use std::time::Duration;

use ureq::tls::{RootCerts, TlsConfig};

use crate::fetch::ASKED_BYTES;
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

impl Patience {
    /// For a part of a target: a link slower than [`SLOWEST_BYTES_A_SECOND`] is as good as none, and who sends a byte now and then
    /// holds nobody up for more than 71 minutes.
    fn of_part(&self) -> Duration {
        let asked_s = 30 + ASKED_BYTES / SLOWEST_BYTES_A_SECOND;
        self.target.min(self.connect + Duration::from_secs(asked_s))
    }
}

/// A tenth of what 2G carries.
const SLOWEST_BYTES_A_SECOND: u64 = 1_000;

/// A mirror.
#[derive(Debug)]
pub struct HttpSource {
    agent: ureq::Agent,
    metadata: String,
    targets: Option<String>,
    patience: Patience,
}

/// Who vouches for a mirror's name over TLS. What comes from it is trusted by its signatures only.
#[derive(Debug, Clone, Default)]
pub enum Authorities {
    /// Those that browsers believe (Mozilla's list, as this program was built with it).
    #[default]
    Public,
    /// These alone: a programme's own.
    Only(Vec<ureq::tls::Certificate<'static>>),
}

impl Authorities {
    /// The certificates in a PEM file. `None` where there is none in it, or one cannot be read.
    #[must_use]
    pub fn from_pem(pem: &[u8]) -> Option<Self> {
        let mut found = Vec::new();
        for item in ureq::tls::parse_pem(pem) {
            if let ureq::tls::PemItem::Certificate(certificate) = item.ok()? {
                found.push(certificate);
            }
        }
        (!found.is_empty()).then_some(Self::Only(found))
    }
}

impl HttpSource {
    /// A mirror by the addresses of its metadata and its targets.
    #[must_use]
    pub fn new(
        metadata: &str,
        targets: Option<&str>,
        patience: Patience,
        authorities: &Authorities,
    ) -> Self {
        let folder = |address: &str| format!("{}/", address.trim_end_matches('/'));
        let agent = ureq::Agent::config_builder()
            .timeout_connect(Some(patience.connect))
            // What parts have, of which there are many. Only with the agent's own settings does ureq keep TLS' sessions, so that
            // the next connection of a link that died costs 1 KB and not 6.
            .timeout_global(Some(patience.of_part()))
            .http_status_as_error(false)
            // A mirror is where it is said to be: what it would redirect to is another one.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .tls_config(
                TlsConfig::builder()
                    .root_certs(match authorities {
                        Authorities::Public => RootCerts::WebPki,
                        Authorities::Only(those) => RootCerts::new_with_certs(those),
                    })
                    .build(),
            )
            .build()
            .into();
        Self {
            agent,
            metadata: folder(metadata),
            targets: targets.map(folder),
            patience,
        }
    }

    /// A target's address, and the question for it.
    fn question(
        &self,
        path: &TargetPath,
    ) -> Result<(String, ureq::RequestBuilder<ureq::typestate::WithoutBody>), SourceError> {
        let Some(targets) = &self.targets else {
            return Err(SourceError::Absent(path.as_str().to_owned()));
        };
        let address = format!("{targets}{}", path.in_address());
        let question = self.agent.get(&address);
        Ok((address, question))
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
            .config()
            .timeout_global(Some(self.patience.metadata))
            .build()
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
        let (address, question) = self.question(path)?;
        let response = question
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

    fn part(
        &mut self,
        path: &TargetPath,
        from: u64,
        bytes: u64,
    ) -> Result<Box<dyn Read>, SourceError> {
        let (address, question) = self.question(path)?;
        let last = from.saturating_add(bytes).saturating_sub(1);
        let response = question
            .header("Range", format!("bytes={from}-{last}"))
            .call()
            .map_err(|error| broken(&address, &error))?;
        match response.status().as_u16() {
            206 => {
                let said = response.headers().get("content-range");
                let said = said.and_then(|said| said.to_str().ok()).unwrap_or_default();
                if begins_at(said) != Some(from) {
                    return Err(broken(
                        &address,
                        &format!("asked from {from} on, got '{said}'"),
                    ));
                }
            }
            // It knows no ranges, and the beginning is what was asked for.
            200 if from == 0 => {}
            200 => return Err(broken(&address, &"it knows no ranges")),
            403 | 404 => return Err(SourceError::Absent(path.as_str().to_owned())),
            status => return Err(broken(&address, &format!("status {status}"))),
        }
        let body = response.into_body();
        Ok(Box::new(ToItsEnd {
            left: body.content_length().unwrap_or(u64::MAX),
            body: body.into_reader(),
        }))
    }
}

/// Reads an answer to the end that it said itself: only then is its connection used on, and who asks for a part stops at the last
/// byte that it wants.
struct ToItsEnd<R> {
    body: R,
    left: u64,
}

impl<R: Read> Read for ToItsEnd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.body.read(buffer)?;
        self.left = self.left.saturating_sub(count as u64);
        if self.left == 0 {
            // Nothing comes from the network any more; ureq sees the end.
            let _ = self.body.read(&mut [0]);
        }
        Ok(count)
    }
}

/// Where a `Content-Range` (RFC 9110, section 14.4: `bytes first-last/length`) begins.
fn begins_at(said: &str) -> Option<u64> {
    said.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_content_range_in_bytes_has_a_beginning() {
        assert_eq!(begins_at("bytes 7-9/10"), Some(7));
        assert_eq!(begins_at("bytes 0-9/*"), Some(0));
        for said in [
            "",
            "bytes */10",
            "bytes=7-9",
            "items 7-9/10",
            "bytes -9/10",
            "bytes x-9/10",
        ] {
            assert_eq!(begins_at(said), None, "{said}");
        }
    }
}
