//! The province: the hub, and nginx with a certificate before it.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use posto::facility;
use posto::hub::store::Store;

use crate::boxes::MadeUp;
use crate::certificates::Certificates;
use crate::network::{Network, PROVINCE};
use crate::program::{Program, found, run};

const POSTO: &str = env!("CARGO_BIN_EXE_posto");
const PINGS_PORT: u16 = 8470;
const WEB: &str = "127.0.0.1:8470";
const TLS_PORT: u16 = 443;

/// What runs there.
pub(crate) struct Province {
    _hub: Program,
    _nginx: Program,
    data: PathBuf,
    /// As a facility file has it, with UDP and HTTPS.
    pub(crate) in_facility_files: facility::Hub,
}

impl Province {
    pub(crate) fn start(
        network: &Network,
        certificates: &Certificates,
        directory: &Path,
        boxes: &[MadeUp],
    ) -> Self {
        let data = directory.join("hub");
        std::fs::create_dir(&data).unwrap();
        let hellos: Vec<_> = boxes.iter().map(|made_up| made_up.says(0)).collect();
        let mut store = Store::open(&data).unwrap();
        store.add_approved(&hellos, "test", 1).unwrap();
        drop(store);
        let pings = SocketAddr::from((PROVINCE, PINGS_PORT));
        let hub = network.province.inside(|| hub(&data, pings));
        let nginx = network.province.inside(|| nginx(certificates, directory));
        let key = posto::hub::key::ensure(&data).unwrap().verifying_key();
        Self {
            _hub: hub,
            _nginx: nginx,
            data,
            in_facility_files: facility::Hub {
                key: key.into(),
                udp: Some(pings),
                https: Some(format!("https://{PROVINCE}")),
                authority: Some(std::fs::read_to_string(&certificates.authority).unwrap()),
                every_minutes: 15,
                budget_mb: 50,
            },
        }
    }

    /// The numbers of the pings that the hub holds of a box, by its place among them.
    pub(crate) fn kept(&self, at: usize) -> Vec<u32> {
        let id = i64::try_from(at).unwrap() + 1;
        Store::open(&self.data).unwrap().sequences(id).unwrap()
    }

    /// What the hub tells Prometheus about one site: the ping's content as metrics.
    pub(crate) fn metrics(&self, network: &Network, site: &str) -> String {
        let data = self.data.to_str().unwrap();
        let words = ["hub", "token", "add", "prometheus", "--data", data];
        let token = run(POSTO, &words);
        let authorization = format!("Authorization: Bearer {token}");
        let address = format!("http://{WEB}/metrics");
        let words = ["-q", "-sSf", "-H", &authorization, &address];
        let text = network.province.inside(|| run("curl", &words));
        let site = format!("site=\"{site}\"");
        text.lines()
            .filter(|line| match line.strip_prefix("# ") {
                Some(head) => head[5..].starts_with("posto_site_"),
                None => line.contains(&site),
            })
            .flat_map(|line| [line, "\n"])
            .collect()
    }
}

fn hub(data: &Path, pings: SocketAddr) -> Program {
    let pings = pings.to_string();
    let data = data.to_str().unwrap();
    let words = ["hub", "--listen", WEB, "--pings", &pings, "--data", data];
    let mut hub = Program::start(POSTO, &words);
    let mut line = String::new();
    BufReader::new(hub.0.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("udp://"), "the hub says: {line}");
    hub
}

/// As docs/hub.md asks for it.
fn nginx(certificates: &Certificates, directory: &Path) -> Program {
    let here = directory.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("{kind}_temp_path {here}/{kind};\n"))
        .collect();
    let text = format!(
        "daemon off; master_process off; pid {here}/nginx.pid;
         events {{}}
         http {{
           access_log off; {temporary}
           server {{
             listen {PROVINCE}:{TLS_PORT} ssl;
             ssl_protocols TLSv1.2 TLSv1.3;
             ssl_certificate {}; ssl_certificate_key {};
             location / {{
               proxy_pass http://{WEB};
               proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
             }}
           }}
         }}",
        certificates.server.certificate.display(),
        certificates.server.key.display()
    );
    let file = directory.join("nginx.conf");
    std::fs::write(&file, text).unwrap();
    let log = directory.join("nginx.log");
    let words = [Path::new("-e"), &log, Path::new("-c"), &file];
    Program::start(found("nginx"), &words).listening((PROVINCE, TLS_PORT).into())
}
