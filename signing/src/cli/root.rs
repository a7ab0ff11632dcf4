//! `init`, `root rotate`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use posto_signing::clock;
use posto_signing::publish::ceremony::{Ceremony, CeremonyPlan, Quorum};
use posto_signing::publish::key_file::{DEFAULT_WORK, KeyRing, WORK};
use posto_signing::publish::keys::Keys;
use posto_signing::publish::passphrase::Passphrases;
use posto_signing::publish::signer::Scheme;
use posto_signing::role::{ROOT, SNAPSHOT, TARGETS, TIMESTAMP};
use serde_json::json;

use super::{CeremonyArguments, DAY_S, Say, day};

/// `K/N`: K of N keys.
fn quorum(text: &str) -> Result<Quorum, String> {
    let numbers = text
        .split_once('/')
        .and_then(|(threshold, keys)| Some((threshold.parse().ok()?, keys.parse().ok()?)));
    match numbers {
        Some((threshold, keys)) => Ok(Quorum { threshold, keys }),
        None => Err("write K/N, for example 2/3: two of three keys".to_owned()),
    }
}

fn work(text: &str) -> Result<u8, String> {
    text.parse()
        .ok()
        .filter(|work| WORK.contains(work))
        .ok_or_else(|| format!("a number from {} to {}", WORK.start(), WORK.end()))
}

#[derive(Args)]
pub(super) struct Init {
    /// The ceremony's folder; made if it is not there.
    #[arg(long, value_name = "DIR")]
    ceremony: PathBuf,
    /// Keys of the root: K of N are needed.
    #[arg(long, value_name = "K/N", default_value = "2/3", value_parser = quorum)]
    root: Quorum,
    /// Keys of the targets.
    #[arg(long, value_name = "K/N", default_value = "1/2", value_parser = quorum)]
    targets: Quorum,
    /// Keys of the snapshot.
    #[arg(long, value_name = "K/N", default_value = "1/1", value_parser = quorum)]
    snapshot: Quorum,
    /// Keys of the timestamp.
    #[arg(long, value_name = "K/N", default_value = "1/1", value_parser = quorum)]
    timestamp: Quorum,
    /// Kind of the keys.
    #[arg(long, value_enum, default_value = "ed25519")]
    scheme: Scheme,
    /// For how many days the root is good.
    #[arg(long, default_value_t = 1095, value_parser = clap::value_parser!(i64).range(1..=7300))]
    days: i64,
    /// What each guess at a new key's passphrase costs, as a power of two of scrypt's work (18: 256 MiB of memory).
    #[arg(long, default_value_t = DEFAULT_WORK, value_parser = work)]
    scrypt_work: u8,
}

#[derive(Args)]
pub(super) struct Rotate {
    #[command(flatten)]
    ceremony: CeremonyArguments,
    /// A key that is to be replaced by a new one (root-1, timestamp-1, ...); its id in the root where its files are lost.
    #[arg(long, value_name = "KEY")]
    replace: Vec<String>,
    /// Kind of the new keys.
    #[arg(long, value_enum, default_value = "ed25519")]
    scheme: Scheme,
    /// For how many days the root is good.
    #[arg(long, default_value_t = 1095, value_parser = clap::value_parser!(i64).range(1..=7300))]
    days: i64,
    /// What each guess at a new key's passphrase costs, as a power of two of scrypt's work (18: 256 MiB of memory).
    #[arg(long, default_value_t = DEFAULT_WORK, value_parser = work)]
    scrypt_work: u8,
}

impl Init {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        let quorums = BTreeMap::from([
            (ROOT.to_owned(), self.root),
            (TARGETS.to_owned(), self.targets),
            (SNAPSHOT.to_owned(), self.snapshot),
            (TIMESTAMP.to_owned(), self.timestamp),
        ]);
        let ceremony = Ceremony::new(&self.ceremony);
        let expires_s = clock::now_s() + self.days * DAY_S;
        let folder = ceremony.keys();
        let ring = match folder.is_dir() {
            true => KeyRing::read(&[folder])?,
            false => KeyRing::default(),
        };
        let plan = ceremony.plan_init(&ring, &quorums, self.scheme, expires_s)?;
        let mut keys = Keys::new(ring, Passphrases::of_environment());
        perform(&ceremony, &plan, &mut keys, self.scrypt_work, say)
    }
}

impl Rotate {
    pub(super) fn run(&self, say: &Say) -> anyhow::Result<()> {
        let ceremony = Ceremony::new(&self.ceremony.ceremony);
        let roots = ceremony.roots()?;
        let mut keys = self.ceremony.keys(ceremony.keys())?;
        let expires_s = clock::now_s() + self.days * DAY_S;
        let plan =
            ceremony.plan_rotation(&roots, keys.ring(), &self.replace, self.scheme, expires_s)?;
        perform(&ceremony, &plan, &mut keys, self.scrypt_work, say)
    }
}

fn perform(
    ceremony: &Ceremony,
    plan: &CeremonyPlan,
    keys: &mut Keys,
    work: u8,
    say: &Say,
) -> anyhow::Result<()> {
    let names: Vec<&str> = plan
        .new_keys
        .iter()
        .map(|(_, name)| name.as_str())
        .filter(|name| !plan.noted.contains_key(*name))
        .collect();
    let noted: Vec<&str> = plan.noted.keys().map(String::as_str).collect();
    let mut lines = vec![format!(
        "root version {}, good until {}",
        plan.version,
        day(plan.expires_s)?
    )];
    if !names.is_empty() {
        lines.push(format!("new keys: {}", names.join(", ")));
    }
    if !noted.is_empty() {
        lines.push(format!("keys on tokens: {}", noted.join(", ")));
    }
    if !plan.revoked.is_empty() {
        lines.push(format!("no longer trusted: {}", plan.revoked.join(", ")));
    }
    for (role, threshold) in &plan.quorums {
        lines.push(format!("{role}: {threshold} signature(s) needed"));
    }
    let report = json!({
        "version": plan.version, "expires": day(plan.expires_s)?, "new_keys": names, "on_tokens": noted,
        "revoked": plan.revoked, "thresholds": plan.quorums,
    });
    if !say.plan(&lines, &report)? {
        return Ok(());
    }
    let path = ceremony.execute(plan, keys, work)?;
    say.done(
        &format!(
            "{} is signed. Publish (or renew) to bring it to the boxes.",
            path.display()
        ),
        &json!({"root": path, "plan": report}),
    )
}
