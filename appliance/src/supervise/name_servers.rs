//! The name servers in force, from systemd-networkd (which merges facility.toml's and the router's) to resolv.conf, which
//! `/etc/resolv.conf` points to. No resolver daemon runs for it: nothing more may listen on the box.

use crate::places::Places;
use crate::system::durable::{self, DurableError, Owner};

/// Largest network state file read.
const STATE_LIMIT_BYTES: u64 = 64 * 1024;
/// resolv.conf(5): MAXNS.
const SERVERS_MAX: usize = 3;

/// resolv.conf(5) from networkd's state file (`DNS=` with addresses between spaces, maybe with port or name appended).
#[must_use]
pub fn resolv_conf(state: &str) -> String {
    let mut text = String::from("# Made by posto from the network's settings.\n");
    let servers = state
        .lines()
        .filter_map(|line| line.strip_prefix("DNS="))
        .flat_map(str::split_whitespace)
        .filter_map(|server| {
            let address = server.split('#').next()?;
            address.parse::<std::net::IpAddr>().ok()
        });
    for server in servers.take(SERVERS_MAX) {
        text.push_str(&format!("nameserver {server}\n"));
    }
    text
}

/// Brings resolv.conf up to date; writes only what changed.
///
/// # Errors
/// [`DurableError`]; the former file stands.
pub fn refresh(places: &Places) -> Result<(), DurableError> {
    let state = durable::read(&places.network_state(), STATE_LIMIT_BYTES)?.unwrap_or_default();
    let text = resolv_conf(&String::from_utf8_lossy(&state));
    let present = durable::read(&places.resolv_conf(), STATE_LIMIT_BYTES)?;
    if present.as_deref() != Some(text.as_bytes()) {
        durable::write(&places.resolv_conf(), text.as_bytes(), Owner::mode(0o644))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_routers_servers_are_taken_and_at_most_three() {
        let state = "OPER_STATE=routable\nDNS=192.168.1.1 fd00::1 9.9.9.9#dns.example 1.1.1.1\nNTP=10.0.0.1\n";
        assert_eq!(
            resolv_conf(state),
            "# Made by posto from the network's settings.\nnameserver 192.168.1.1\nnameserver fd00::1\nnameserver 9.9.9.9\n"
        );
    }

    proptest! {
        #[test]
        fn no_state_brings_in_anything_but_addresses(state in "\\PC{0,200}") {
            for line in resolv_conf(&state).lines().skip(1) {
                prop_assert!(line.strip_prefix("nameserver ").unwrap().parse::<std::net::IpAddr>().is_ok());
            }
        }
    }
}
