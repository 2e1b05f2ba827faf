//! The role's keys; `config/default.toml` states meaning, unit and range of each.

use crate::ice_servers::IceServer;
use crate::network::PublicAddress;
use runtime::config::Faults;
use serde::Deserialize;
use std::net::SocketAddr;

/// The section `live`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where media is sent and received.
    pub udp_listen: Option<String>,
    /// Where publishers come by RTMP; none without RTMP.
    pub rtmp_listen: Option<String>,
    /// The addresses that browsers are given.
    pub public_addresses: Vec<String>,
    /// STUN and TURN servers for browsers.
    pub ice_servers: Vec<String>,
    /// How many may watch by WebRTC at once.
    pub webrtc_viewers: usize,
    /// How long a lecture waits for its publisher to come back.
    ///
    /// Units: seconds
    pub end_after: u64,
    /// This server's own address.
    pub base_url: Option<String>,
}

impl Config {
    /// The address of RTMP, if there is one and it is good.
    #[must_use]
    pub fn rtmp_address(&self) -> Option<SocketAddr> {
        let address: SocketAddr = self.rtmp_listen.as_ref()?.parse().ok()?;
        (address.port() > 0).then_some(address)
    }

    /// This server's own address, as others name it, if it is set.
    #[must_use]
    pub fn address(&self) -> Option<&str> {
        Some(self.base_url.as_deref()?.trim_end_matches('/'))
    }

    /// Checks each key's range.
    ///
    /// Errors: each key that is out of its range, in words
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.within("live.webrtc_viewers", self.webrtc_viewers as u64, 0, 100_000);
        faults.within("live.end_after", self.end_after, 10, 43_200);
        let rtmp = self.rtmp_listen.as_ref().map(|_| self.rtmp_address());
        faults.unless(rtmp.is_none_or(|address| address.is_some()), || {
            "live.rtmp_listen must be IP:PORT, with a port above 0".to_owned()
        });
        for address in &self.public_addresses {
            faults.take_of("live.public_addresses", address.parse::<PublicAddress>());
        }
        for server in &self.ice_servers {
            faults.take_of("live.ice_servers", server.parse::<IceServer>());
        }
        faults.into_result()
    }
}
