//! Which names the server answers to.

use std::net::IpAddr;
use std::str::FromStr;
use url::{Host, Url};

/// The public address of the server, as far as it decides about requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicHost {
    name: String,
    is_secure: bool,
    /// This process's own name, where the public one leads to several.
    own: Option<String>,
}

/// A text that is no address of a server.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no http:// or https:// URL with a host")]
pub struct NoHost(String);

impl FromStr for PublicHost {
    type Err = NoHost;

    fn from_str(text: &str) -> Result<Self, NoHost> {
        let url = Url::parse(text)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let name = url.as_ref().and_then(name);
        match (url, name) {
            (Some(url), Some(name)) => Ok(Self {
                name,
                is_secure: url.scheme() == "https",
                own: None,
            }),
            _ => Err(NoHost(text.to_owned())),
        }
    }
}

fn name(url: &Url) -> Option<String> {
    url.host().map(|host| match host {
        Host::Ipv6(address) => address.to_string(),
        host => host.to_string(),
    })
}

impl PublicHost {
    /// The server also answers to the name in its own address.
    #[must_use]
    pub fn and(mut self, own: &Url) -> Self {
        self.own = name(own);
        self
    }

    /// Whether browsers reach the server by https alone.
    pub(super) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// Whether a request for this authority is meant for the server.
    ///
    /// The public name is, whatever the port. So are IP addresses and names without a dot, by which machines beside the
    /// server reach it (`localhost`, a container's name): no stranger can make such a name lead here.
    pub(super) fn answers_to(&self, authority: &str) -> bool {
        let name = without_port(authority);
        let is_ours = |ours: &String| name.eq_ignore_ascii_case(ours);
        is_ours(&self.name)
            || self.own.as_ref().is_some_and(is_ours)
            || !name.contains('.')
            || name.parse::<IpAddr>().is_ok()
    }
}

/// The host of an authority, without brackets and the root's dot.
fn without_port(authority: &str) -> &str {
    if let Some((address, _)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        return address;
    }
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_answers_to_its_name_to_addresses_and_to_names_of_its_own_network() {
        let host: PublicHost = "https://lectures.example.org/".parse().unwrap();
        assert!(host.is_secure());
        for ours in [
            "lectures.example.org",
            "Lectures.Example.org.",
            "lectures.example.org:8443",
            "127.0.0.1:8080",
            "[::1]:8080",
            "[2001:db8::1]",
            "localhost",
            "moocflix:8080",
        ] {
            assert!(host.answers_to(ours), "{ours}");
        }
        for other in [
            "example.org",
            "evil.example",
            "lectures.example.org.evil.example",
            "lectures.example.org@evil.example",
            "xlectures.example.org",
            "127.0.0.1.evil.example:8080",
        ] {
            assert!(!host.answers_to(other), "{other}");
        }
        let own = "https://node1.example.org:8443".parse().unwrap();
        assert!(!host.answers_to("node1.example.org") && host.and(&own).answers_to("node1.example.org:8443"));
    }

    #[test]
    fn an_address_has_a_host() {
        assert!(!"http://[::1]:8080".parse::<PublicHost>().unwrap().is_secure());
        for text in ["", "lectures.example.org", "ftp://x", "https://", "file:///x"] {
            assert!(text.parse::<PublicHost>().is_err(), "{text}");
        }
    }
}
