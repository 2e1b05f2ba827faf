//! Asks whether the program at an address is MoocFlix.

use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How long a running server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A running MoocFlix.
pub(super) struct RunningServer {
    /// None if it only shows itself to those who use its public address.
    pub(super) version: Option<String>,
    /// The checks that fail, such as `database`; empty if it is ready.
    pub(super) failing: Vec<String>,
    /// Whether it is shutting down.
    pub(super) draining: bool,
}

impl RunningServer {
    /// `MoocFlix 0.1.0 is running at 127.0.0.1:8080`
    pub(super) fn at(&self, listen: &str) -> String {
        let version = self.version.as_ref().map(|version| format!(" {version}"));
        format!("MoocFlix{} is running at {listen}", version.unwrap_or_default())
    }
}

#[derive(Deserialize)]
struct HealthAnswer {
    status: String,
    #[serde(default)]
    checks: std::collections::BTreeMap<String, String>,
}

/// The MoocFlix that answers at an address, if one does.
pub(super) async fn running_at(listen: &str) -> Option<RunningServer> {
    let address = reachable(tokio::net::lookup_host(listen).await.ok()?.next()?);
    let client = Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
    let get = async |path: &str| {
        let sent = client.get(format!("http://{address}{path}")).send().await;
        sent.ok()
    };
    let live: HealthAnswer = get("/health/live").await?.error_for_status().ok()?.json().await.ok()?;
    let described = get("/openapi.json").await?;
    let hides = described.status() == StatusCode::MISDIRECTED_REQUEST;
    let document: Value = described.json().await.ok()?;
    let is_moocflix = document["info"]["title"] == "MoocFlix" || hides && document["code"].is_string();
    if live.status != "ok" || !is_moocflix {
        return None;
    }
    let ready: HealthAnswer = get("/health/ready").await?.json().await.ok()?;
    let failing = ready.checks.into_iter().filter(|(_, state)| state != "ok");
    Some(RunningServer {
        version: document["info"]["version"].as_str().map(str::to_owned),
        failing: failing.map(|(name, _)| name).collect(),
        draining: ready.status == "draining",
    })
}

/// Whether the program at an address publishes MoocFlix's metrics.
pub(super) async fn has_metrics(listen: &str) -> bool {
    let asked = async {
        let address = reachable(tokio::net::lookup_host(listen).await.ok()?.next()?);
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
        let answer = client.get(format!("http://{address}/metrics")).send().await.ok()?;
        answer.text().await.ok()
    };
    asked.await.is_some_and(|text| text.contains("\nmoocflix_"))
}

/// A server at an unspecified address is reached at the loopback address.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::LOCALHOST),
    };
    SocketAddr::new(ip, address.port())
}
