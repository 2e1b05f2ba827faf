//! Where a request comes from; forwarded addresses are believed from trusted proxies alone.

use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;
use ipnet::IpNet;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The address that a request comes from, an extractor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// The address by which a client is counted.
    #[must_use]
    pub fn subnet(self) -> IpAddr {
        subnet(self.0)
    }
}

impl<S: Sync> FromRequestParts<S> for ClientAddress {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let unknown = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Ok(parts.extensions.get().copied().unwrap_or(unknown))
    }
}

/// An address or a network in CIDR notation whose forwarded addresses are believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedProxy(IpNet);

/// A text that is no address and no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no IP address or network such as 10.0.0.0/8")]
pub struct NoNetwork(String);

impl FromStr for TrustedProxy {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address),
            Err(_) => text.parse().map_err(|_| NoNetwork(text.to_owned()))?,
        };
        Ok(Self(network))
    }
}

/// Whether forwarded addresses are believed from this address.
pub(crate) fn is_trusted(address: IpAddr, trusted: &[TrustedProxy]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|proxy| proxy.0.contains(&address))
}

/// The address by which a client is counted: an IPv4 address itself, or the /64 of an IPv6 address, which is the least
/// that one client gets.
pub(crate) fn subnet(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(bits))
        }
    }
}

/// Goes back through the chain of proxies as far as they are trusted.
pub(crate) fn resolve(peer: SocketAddr, headers: &HeaderMap, trusted: &[TrustedProxy]) -> ClientAddress {
    let mut address = peer.ip().to_canonical();
    let is_trusted = |address| is_trusted(address, trusted);
    if !is_trusted(address) {
        return ClientAddress(address);
    }
    let chain = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = chain.flat_map(|value| value.split(',')).map(str::trim).collect();
    for hop in hops.iter().rev() {
        let Ok(next) = hop.parse::<IpAddr>() else { break };
        address = next.to_canonical();
        if !is_trusted(address) {
            break;
        }
    }
    ClientAddress(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(peer: &str, forwarded: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", forwarded.parse().unwrap());
        let trusted: Vec<TrustedProxy> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        resolve(SocketAddr::new(peer.parse().unwrap(), 1), &headers, &trusted)
            .0
            .to_string()
    }

    #[test]
    fn a_stranger_s_forwarded_address_is_not_believed() {
        assert_eq!(resolved("203.0.113.9", "10.0.0.1", &["127.0.0.1"]), "203.0.113.9");
        assert_eq!(resolved("203.0.113.9", "10.0.0.1", &[]), "203.0.113.9");
    }

    #[test]
    fn the_last_untrusted_hop_counts() {
        let trusted = ["127.0.0.0/8", "10.0.0.0/8", "::1"];
        assert_eq!(
            resolved("127.0.0.1", "1.1.1.1, 198.51.100.7, 10.2.3.4", &trusted),
            "198.51.100.7"
        );
        assert_eq!(resolved("::ffff:127.0.0.1", "198.51.100.7", &trusted), "198.51.100.7");
        assert_eq!(resolved("::1", "nonsense", &trusted), "::1");
    }

    #[test]
    fn a_network_is_read_only_when_it_is_one() {
        for text in ["10.0.0.0/33", "::/129", "10.0.0/8", "proxy", "10.0.0.0/x", ""] {
            assert!(text.parse::<TrustedProxy>().is_err(), "{text}");
        }
        assert!(
            "0.0.0.0/0"
                .parse::<TrustedProxy>()
                .unwrap()
                .0
                .contains(&"9.9.9.9".parse::<IpAddr>().unwrap())
        );
    }
}
