//! A try of a password, as limits and queues see it: which account, from where, and whether the device is known.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::SessionId;
use std::net::IpAddr;

/// A try of a password.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// The account, whether it exists or not; a hash has a fixed length and keeps addresses from the cache server.
    pub account: String,
    /// The client's network.
    pub network: String,
    /// What the client has shown to have been let into this account before, if it has.
    pub known: Option<String>,
}

impl Attempt {
    /// A try on the account of an address's key.
    pub fn new(email_key: &str, address: IpAddr) -> Self {
        let account = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, email_key.as_bytes()));
        Self {
            account,
            network: network(address),
            known: None,
        }
    }

    /// The try of somebody who has signed in to this account on this device before; the device is known by a hash.
    pub fn on_device(self, device: [u8; 32]) -> Self {
        let known = Some(format!("device:{}", URL_SAFE_NO_PAD.encode(device)));
        Self { known, ..self }
    }

    /// The try of somebody who is signed in to this account.
    pub fn in_session(self, session: SessionId) -> Self {
        let known = Some(format!("session:{session}"));
        Self { known, ..self }
    }
}

/// The network that counts as one client: an IPv6 client owns its whole /64.
pub fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_client_counts_as_its_network_and_a_mapped_one_as_its_ipv4_address() {
        assert_eq!(network("2001:db8:1:2:3:4:5:6".parse().unwrap()), "2001:db8:1:2::/64");
        assert_eq!(network("2001:db8:1:2::1".parse().unwrap()), "2001:db8:1:2::/64");
        assert_eq!(network("::ffff:192.0.2.7".parse().unwrap()), "192.0.2.7");
    }
}
