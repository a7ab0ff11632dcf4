//! The addresses under which the LAN finds this box.

use std::net::IpAddr;

use nix::net::if_::InterfaceFlags;

/// IPv4 addresses of all network cards that are up. Link-local ones (RFC 3927) only where there is no other: nobody types them
/// while a router gives better ones.
/// Without IPv4: global IPv6 ones.
#[must_use]
pub fn of_this_box() -> Vec<IpAddr> {
    let found: Vec<IpAddr> = nix::ifaddrs::getifaddrs()
        .into_iter()
        .flatten()
        .filter(|card| {
            card.flags.contains(InterfaceFlags::IFF_UP)
                && !card.flags.contains(InterfaceFlags::IFF_LOOPBACK)
        })
        .filter_map(|card| {
            let address = card.address?;
            address
                .as_sockaddr_in()
                .map(|v4| IpAddr::V4(v4.ip()))
                .or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .collect();
    order(found)
}

fn order(mut found: Vec<IpAddr>) -> Vec<IpAddr> {
    let useful = |address: &IpAddr| match address {
        IpAddr::V4(v4) => !v4.is_unspecified(),
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    };
    found.retain(useful);
    if found.iter().any(IpAddr::is_ipv4) {
        found.retain(IpAddr::is_ipv4);
    }
    let local = |address: &IpAddr| matches!(address, IpAddr::V4(v4) if v4.is_link_local());
    if !found.iter().all(local) {
        found.retain(|address| !local(address));
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(all: &[&str]) -> Vec<String> {
        let all = all.iter().map(|text| text.parse().unwrap()).collect();
        order(all).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn link_local_addresses_are_shown_only_where_there_is_no_other() {
        let all = ["fe80::1", "169.254.3.4", "192.168.1.10", "2001:db8::1"];
        assert_eq!(shown(&all), ["192.168.1.10"]);
        assert_eq!(shown(&["fe80::1", "169.254.3.4"]), ["169.254.3.4"]);
        assert_eq!(shown(&["fe80::1", "2001:db8::1"]), ["2001:db8::1"]);
    }
}
