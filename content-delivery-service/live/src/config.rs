//! The role's keys; `config/default.toml` states meaning, unit and range of each.

use crate::ice_servers::IceServer;
use crate::network::PublicAddress;
use runtime::config::Faults;
use serde::Deserialize;

/// The section `live`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where media is sent and received.
    pub udp_listen: Option<String>,
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
    /// Checks each key's range.
    ///
    /// Errors: each key that is out of its range, in words
    pub fn validate(&self) -> Result<(), Faults> {
        let mut faults = Faults::default();
        faults.within("live.webrtc_viewers", self.webrtc_viewers as u64, 0, 100_000);
        faults.within("live.end_after", self.end_after, 10, 43_200);
        for address in &self.public_addresses {
            faults.take_of("live.public_addresses", address.parse::<PublicAddress>());
        }
        for server in &self.ice_servers {
            faults.take_of("live.ice_servers", server.parse::<IceServer>());
        }
        faults.into_result()
    }
}
