//! The addresses that are offered to browsers.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::str::FromStr;

/// An address for browsers, as configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicAddress {
    ip: IpAddr,
    port: Option<u16>,
}

impl FromStr for PublicAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let with_port = text.parse::<SocketAddr>().map(|address| Self {
            ip: address.ip(),
            port: Some(address.port()),
        });
        let alone = || text.parse::<IpAddr>().map(|ip| Self { ip, port: None });
        with_port
            .or_else(|_| alone())
            .map_err(|_| format!("{text} is neither IP nor IP:PORT"))
    }
}

/// What to offer: the configured addresses, else the one that is listened at, else those of the machine's usual routes.
pub(super) fn offered(local: SocketAddr, configured: &[String]) -> Vec<SocketAddr> {
    let configured = configured.iter().filter_map(|text| text.parse::<PublicAddress>().ok());
    let configured = configured.map(|it| SocketAddr::new(it.ip, it.port.unwrap_or(local.port())));
    let configured: Vec<_> = configured.collect();
    if !configured.is_empty() {
        return configured;
    }
    if !local.ip().is_unspecified() {
        return vec![local];
    }
    // Addresses for documentation: nothing is sent, the system only chooses a route.
    let v4 = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 9));
    let v6 = SocketAddr::from((Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1), 9));
    let far = if local.is_ipv4() { vec![v4] } else { vec![v4, v6] };
    let routed = far
        .into_iter()
        .filter_map(source_to)
        .map(|ip| SocketAddr::new(ip, local.port()));
    let routed: Vec<_> = routed.collect();
    if routed.is_empty() {
        vec![SocketAddr::from((Ipv4Addr::LOCALHOST, local.port()))]
    } else {
        routed
    }
}

/// The address that the machine would send from.
fn source_to(far: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match far {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(far).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(local: &str, configured: &[&str]) -> Vec<String> {
        let configured: Vec<String> = configured.iter().map(|it| (*it).to_owned()).collect();
        let offered = offered(local.parse().unwrap(), &configured);
        offered.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_server_on_loopback_offers_loopback_and_configured_addresses_replace_it() {
        assert_eq!(offers("127.0.0.1:8189", &[]), ["127.0.0.1:8189"]);
        assert_eq!(
            offers("10.0.0.5:8189", &["203.0.113.9", "203.0.113.9:443", "2001:db8::9"]),
            ["203.0.113.9:8189", "203.0.113.9:443", "[2001:db8::9]:8189"]
        );
        let all = offers("0.0.0.0:8189", &[]);
        assert!(
            all.iter().all(|it| it.ends_with(":8189") && !it.starts_with("0.0.0.0")),
            "{all:?}"
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        assert!("host.example.org".parse::<PublicAddress>().is_err());
        assert!("10.0.0.5:".parse::<PublicAddress>().is_err());
    }
}
