//! The same moment told to Prometheus's Pushgateway, which asks each client for a certificate.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::certificates::Certificates;
use crate::network::{Network, PROVINCE};
use crate::program::{Program, found, run, try_run};

const PORT: u16 = 9091;

/// A running one.
pub(crate) struct Pushgateway<'a> {
    _program: Program,
    network: &'a Network,
    certificates: &'a Certificates,
    directory: PathBuf,
}

/// A body, and what it was said to be.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    packed: bool,
}

impl Body {
    pub(crate) fn plain(text: &str) -> Self {
        Self {
            bytes: text.as_bytes().to_vec(),
            packed: false,
        }
    }

    pub(crate) fn packed(text: &str) -> Self {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(text.as_bytes()).unwrap();
        Self {
            bytes: gzip.finish().unwrap(),
            packed: true,
        }
    }
}

/// Lines that are figures.
pub(crate) fn samples(text: &str) -> usize {
    text.lines().filter(|line| !line.starts_with('#')).count()
}

impl<'a> Pushgateway<'a> {
    pub(crate) fn start(
        network: &'a Network,
        certificates: &'a Certificates,
        directory: &Path,
    ) -> Self {
        let file = directory.join("pushgateway.yml");
        let text = format!(
            "tls_server_config:\n  cert_file: {}\n  key_file: {}\n  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: {}\n",
            certificates.server.certificate.display(),
            certificates.server.key.display(),
            certificates.authority.display()
        );
        std::fs::write(&file, text).unwrap();
        let at = SocketAddr::from((PROVINCE, PORT));
        let words = [
            format!("--web.listen-address={at}"),
            format!("--web.config.file={}", file.display()),
        ];
        let program = network
            .province
            .inside(|| Program::start(found("prometheus-pushgateway"), &words).listening(at));
        Self {
            _program: program,
            network,
            certificates,
            directory: directory.to_path_buf(),
        }
    }

    /// Posts it from the clinic; the version of HTTP.
    pub(crate) fn post(&self, instance: &str, body: &Body) -> String {
        let file = self.directory.join("body");
        std::fs::write(&file, &body.bytes).unwrap();
        let mut words = self.with_certificate();
        words.extend(["--data-binary".into(), format!("@{}", file.display())]);
        if body.packed {
            words.extend(["-H".into(), "Content-Encoding: gzip".into()]);
        }
        words.extend(["-w".into(), "%{http_version}".into()]);
        words.push(address(&format!("/metrics/job/posto/instance/{instance}")));
        self.network.clinic.inside(|| run("curl", &words))
    }

    /// How many figures it shows of an instance; two of them are its own.
    pub(crate) fn shows(&self, instance: &str) -> usize {
        let mut words = self.with_certificate();
        words.push(address("/metrics"));
        let text = self.network.province.inside(|| run("curl", &words));
        let label = format!("instance=\"{instance}\"");
        text.lines().filter(|line| line.contains(&label)).count()
    }

    /// Whether somebody without a certificate is heard.
    pub(crate) fn hears_strangers(&self) -> bool {
        let mut words = self.without_certificate();
        words.push(address("/metrics"));
        let asked = self.network.province.inside(|| try_run("curl", &words));
        asked.is_ok()
    }

    fn without_certificate(&self) -> Vec<String> {
        let authority = self.certificates.authority.display().to_string();
        ["-q", "-sS", "--fail-with-body", "--cacert", &authority]
            .map(str::to_string)
            .to_vec()
    }

    fn with_certificate(&self) -> Vec<String> {
        let mine = &self.certificates.client;
        let mut words = self.without_certificate();
        words.extend(["--cert".into(), mine.certificate.display().to_string()]);
        words.extend(["--key".into(), mine.key.display().to_string()]);
        words
    }
}

fn address(path: &str) -> String {
    format!("https://{PROVINCE}:{PORT}{path}")
}
