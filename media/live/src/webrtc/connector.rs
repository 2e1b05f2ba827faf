//! What all sessions share: one certificate, the codecs, and the addresses that peers may connect to.

use super::keys::{self, Keys};
use super::link::Transport;
use core::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;
use str0m::change::SdpOffer;
use str0m::config::{CryptoProvider, DtlsCert};
use str0m::net::TcpType;
use str0m::{Candidate, Rtc, RtcConfig};

/// The H.264 profiles that are spoken, with the payload types that an answer of ours would choose: baseline, constrained
/// baseline, main, high. Level 5.1 lets a publisher send what it can; levels are not compared.
const PROFILES: [(u8, u8, u32); 4] = [
    (127, 121, 0x0042_0033),
    (108, 109, 0x0042_e033),
    (123, 119, 0x004d_0033),
    (114, 115, 0x0064_0033),
];

/// Why an offer gets no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfferError {
    /// It can't be read.
    #[error("the offer can't be read: {0}")]
    Malformed(String),
    /// It can be read, but has no session in it that works here.
    #[error("the offer can't be accepted: {0}")]
    Unacceptable(String),
}

/// No certificate could be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no certificate can be made")]
pub struct NoCertificate;

/// Makes sessions of offers.
pub struct Connector {
    crypto: Arc<CryptoProvider>,
    certificate: DtlsCert,
    addresses: Vec<(Transport, SocketAddr)>,
}

/// A session that was agreed on.
pub(super) struct Accepted {
    pub(super) rtc: Rtc,
    pub(super) answer: String,
    pub(super) ufrag: String,
    pub(super) keys: Keys,
}

impl Connector {
    /// Makes the certificate; peers may connect to these addresses.
    ///
    /// Errors: no certificate could be made
    pub fn new(addresses: Vec<(Transport, SocketAddr)>) -> Result<Self, NoCertificate> {
        let crypto = keys::provider();
        let certificate = crypto.dtls_provider.generate_certificate().ok_or(NoCertificate)?;
        Ok(Self {
            crypto: Arc::new(crypto),
            certificate,
            addresses,
        })
    }

    /// What every session is configured with.
    pub(super) fn config() -> RtcConfig {
        let mut config = RtcConfig::new().clear_codecs().enable_opus(true, false);
        for (number, repair, profile) in PROFILES {
            config
                .codec_config()
                .add_h264(number.into(), Some(repair.into()), true, profile);
        }
        config.set_ice_lite(true)
    }

    /// Answers an offer.
    ///
    /// Errors: it can't be read, or nothing in it works here
    pub(super) fn accept(&self, config: RtcConfig, offer: &str, now: Instant) -> Result<Accepted, OfferError> {
        for kind in ["audio", "video"] {
            if lines_of(offer, kind).count() > 1 {
                return Err(OfferError::Unacceptable(format!(
                    "it has more than one m-line of {kind}"
                )));
            }
        }
        let offer = SdpOffer::from_sdp_string(offer).map_err(|why| OfferError::Malformed(why.to_string()))?;
        let config = config
            .set_crypto_provider(Arc::clone(&self.crypto))
            .set_dtls_cert(self.certificate.clone());
        let (mut rtc, keys) = keys::of(|| config.build(now));
        for (transport, address) in &self.addresses {
            if let Some(candidate) = candidate(*transport, *address) {
                rtc.add_local_candidate(candidate);
            }
        }
        let answer = rtc
            .sdp_api()
            .accept_offer(offer)
            .map_err(|why| OfferError::Unacceptable(why.to_string()))?;
        let answer = answer.to_sdp_string();
        let works = |kind| lines_of(&answer, kind).any(|line| !line.starts_with("0 "));
        if !works("audio") && !works("video") {
            let why = "it has neither H.264 (packetization-mode=1) nor Opus";
            return Err(OfferError::Unacceptable(why.to_owned()));
        }
        let ufrag = rtc.direct_api().local_ice_credentials().ufrag;
        Ok(Accepted {
            rtc,
            answer,
            ufrag,
            keys,
        })
    }

    /// The address to name as the destination of a packet that came by a transport to this address: a candidate, even if a
    /// router in between has rewritten it.
    #[must_use]
    pub fn destination(&self, transport: Transport, reached: SocketAddr) -> Option<SocketAddr> {
        let offered = || self.addresses.iter().filter(|(it, _)| *it == transport);
        let exact = offered().find(|(_, address)| *address == reached);
        let same_ip = || offered().find(|(_, address)| address.ip() == reached.ip());
        let same_family = || offered().find(|(_, address)| address.is_ipv4() == reached.is_ipv4());
        exact.or_else(same_ip).or_else(same_family).map(|(_, address)| *address)
    }
}

fn candidate(transport: Transport, address: SocketAddr) -> Option<Candidate> {
    match transport {
        Transport::Udp => Candidate::host(address, "udp").ok(),
        Transport::Tcp => {
            let passive = Candidate::builder().tcp().host(address).tcptype(TcpType::Passive);
            passive.build().ok()
        }
    }
}

/// What follows `m=KIND ` in the m-lines of a kind.
fn lines_of<'a>(sdp: &'a str, kind: &'a str) -> impl Iterator<Item = &'a str> {
    sdp.lines().filter_map(move |line| {
        let rest = line.trim_start().strip_prefix("m=")?;
        rest.strip_prefix(kind)?.strip_prefix(' ')
    })
}
