//! Life signs to a checker outside (Healthchecks and what speaks like it: GET the address when well, `/fail` when not). With `{site}`
//! in the address each site has its own check; without, there is one for the whole hub. The checker notices when the hub itself dies.

use std::time::{Duration, Instant};

use super::Hub;
use super::condition::Condition;
use super::webhook;
use crate::system::{clock, log};

/// How often the hub's own sign is given, and each site's.
const OWN: Duration = Duration::from_secs(60);
const SITES: Duration = Duration::from_secs(300);
/// How soon an end is noticed.
const TICK: Duration = Duration::from_millis(500);
/// Where a site's id goes.
pub const SITE: &str = "{site}";

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sign {
    /// Where to.
    pub url: String,
    /// Whether all is well.
    pub well: bool,
}

/// The signs for sites in these conditions. A site never heard gives none.
#[must_use]
pub fn signs(url: &str, sites: &[(String, Condition)]) -> Vec<Sign> {
    let ill = |condition: Condition| matches!(condition, Condition::Danger | Condition::Silent);
    let sign = |url: String, well| Sign {
        url: if well {
            url
        } else {
            format!("{}/fail", url.trim_end_matches('/'))
        },
        well,
    };
    if url.contains(SITE) {
        sites
            .iter()
            .filter(|(_, condition)| *condition != Condition::Unheard)
            .map(|(id, condition)| sign(url.replace(SITE, id), !ill(*condition)))
            .collect()
    } else {
        vec![sign(
            url.to_string(),
            !sites.iter().any(|(_, condition)| ill(*condition)),
        )]
    }
}

/// Gives signs until the hub stops.
pub fn run(hub: &Hub, url: &str) {
    let agent = webhook::agent();
    let every = if url.contains(SITE) { SITES } else { OWN };
    let mut due = Instant::now();
    while !hub.is_stopping() {
        clock::pause(TICK);
        if Instant::now() < due {
            continue;
        }
        due = Instant::now() + every;
        let sites: Vec<(String, Condition)> = hub
            .fleet()
            .sites()
            .iter()
            .map(|(id, site)| (id.clone(), Condition::of(site)))
            .collect();
        for sign in signs(url, &sites) {
            if hub.is_stopping() {
                return;
            }
            if let Err(error) = agent.get(&sign.url).call() {
                // The others would wait as long: the checker notices the missing signs.
                log::log(&format!("no life sign could be given: {error}"));
                break;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_site_has_its_own_sign_or_the_hub_one_for_all() {
        let sites = [
            ("cs-a".to_string(), Condition::Act),
            ("cs-b".to_string(), Condition::Silent),
            ("cs-c".to_string(), Condition::Unheard),
        ];
        let urls: Vec<String> = signs("http://hc/key/{site}", &sites)
            .into_iter()
            .map(|sign| sign.url)
            .collect();
        assert_eq!(urls, ["http://hc/key/cs-a", "http://hc/key/cs-b/fail"]);
        assert_eq!(signs("http://hc/1/", &sites)[0].url, "http://hc/1/fail");
        assert!(signs("http://hc/1", &sites[..1])[0].well);
    }
}
