//! The addresses under which the LAN finds this box.

use std::net::IpAddr;

use nix::net::if_::InterfaceFlags;

/// IPv4 addresses of all network cards that are up, those given by a router or by hand before link-local ones.
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
    found.sort_by_key(|address| {
        (
            matches!(address, IpAddr::V4(v4) if v4.is_link_local()),
            *address,
        )
    });
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_router_s_address_comes_before_link_local_ones() {
        let all = ["fe80::1", "169.254.3.4", "192.168.1.10", "2001:db8::1"]
            .map(|text| text.parse().unwrap());
        let shown: Vec<String> = order(all.into()).iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["192.168.1.10", "169.254.3.4"]);
    }
}
