//! The wired network: DHCP by default, or one fixed IPv4 address; as a systemd-networkd file.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::FacilityError;

/// `[network]` of facility.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// Take the address from the router.
    pub dhcp: bool,
    /// Only this network card (default: every wired one).
    pub interface: Option<String>,
    /// Fixed address with prefix, e.g. `192.168.1.10/24`. Needed when `dhcp = false`; may stand besides DHCP.
    pub address: Option<Address>,
    /// The router.
    pub gateway: Option<Ipv4Addr>,
    /// Name servers, at most 4.
    pub dns: Vec<IpAddr>,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            dhcp: true,
            interface: None,
            address: None,
            gateway: None,
            dns: Vec::new(),
        }
    }
}

/// An IPv4 address with its prefix length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    address: Ipv4Addr,
    prefix: u8,
}

impl FromStr for Address {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const RULE: &str = "an address with its prefix, like 192.168.1.10/24";
        let (address, prefix) = text.split_once('/').ok_or(RULE)?;
        let address = address.parse().map_err(|_| RULE)?;
        let prefix = prefix
            .parse()
            .ok()
            .filter(|prefix| (1..=32).contains(prefix))
            .ok_or(RULE)?;
        Ok(Self { address, prefix })
    }
}

impl TryFrom<String> for Address {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Network {
    pub(super) fn check(&self) -> Result<(), FacilityError> {
        let wrong = |key, value: &str, rule| {
            Err(FacilityError::Value {
                key,
                value: value.to_string(),
                rule,
            })
        };
        if !self.dhcp && self.address.is_none() {
            return wrong(
                "network.dhcp",
                "false",
                "without DHCP the box needs network.address",
            );
        }
        if self.dns.len() > 4 {
            return wrong(
                "network.dns",
                &self.dns.len().to_string(),
                "at most 4 name servers",
            );
        }
        match &self.interface {
            // Longest name: IFNAMSIZ of linux/if.h without its zero.
            Some(name)
                if !(1..=15).contains(&name.len())
                    || !name
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)) =>
            {
                wrong(
                    "network.interface",
                    name,
                    "the name of a network card, like enp1s0",
                )
            }
            _ => Ok(()),
        }
    }

    /// The systemd-networkd file (systemd.network(5)).
    #[must_use]
    pub fn networkd(&self) -> String {
        let mut text = String::from("# Made from facility.toml at boot.\n[Match]\nType=ether\n");
        let mut line = |key: &str, value: &str| {
            text.push_str(key);
            text.push('=');
            text.push_str(value);
            text.push('\n');
        };
        if let Some(name) = &self.interface {
            line("Name", name);
        }
        text.push_str("\n[Network]\n");
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key}={value}\n"));
        line("DHCP", if self.dhcp { "yes" } else { "no" });
        // A technician's laptop on a bare cable finds the box without any router.
        line("LinkLocalAddressing", "yes");
        if let Some(address) = self.address {
            line("Address", &address.to_string());
        }
        if let Some(gateway) = self.gateway {
            line("Gateway", &gateway.to_string());
        }
        for server in &self.dns {
            line("DNS", &server.to_string());
        }
        // By the card's address: the router's reservation holds for every release and machine-id.
        text.push_str("\n[DHCPv4]\nClientIdentifier=mac\n");
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dhcp_is_the_default_on_every_wired_card() {
        let text = Network::default().networkd();
        assert!(
            text.contains("Type=ether\n")
                && text.contains("DHCP=yes\n")
                && !text.contains("Address=")
        );
    }

    #[test]
    fn a_fixed_address_comes_with_its_router_and_name_servers() {
        let network = Network {
            dhcp: false,
            interface: Some("enp1s0".into()),
            address: Some("10.0.0.5/16".parse().unwrap()),
            gateway: Some("10.0.0.1".parse().unwrap()),
            dns: vec!["10.0.0.1".parse().unwrap(), "1.1.1.1".parse().unwrap()],
        };
        let text = network.networkd();
        for line in [
            "Name=enp1s0",
            "DHCP=no",
            "Address=10.0.0.5/16",
            "Gateway=10.0.0.1",
            "DNS=1.1.1.1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in {text}");
        }
    }
}
