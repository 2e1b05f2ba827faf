//! The addresses to serve at, and who is there already.

use super::Finding::{self, Doubtful, Good, Missing};
use super::server::{self, RunningServer};
use super::{Findings, folder};
use crate::settings::Settings;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::net::TcpListener;

pub(super) async fn check(settings: &Settings, holder: Option<&str>) -> Findings {
    let mut findings = vec![("address", address(settings, holder).await)];
    if let Some(listen) = &settings.metrics_listen {
        findings.push(("metrics", metrics(listen).await));
    }
    findings.push(("public address", public(settings).await));
    findings
}

async fn address(settings: &Settings, holder: Option<&str>) -> Finding {
    let listen = settings.listen.as_str();
    match TcpListener::bind(listen).await {
        Ok(_) => Good(holder.map_or_else(
            || format!("{listen} is free"),
            |process| format!("{listen} is free; MoocFlix (process {process}) runs at another address"),
        )),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match server::running_at(listen).await {
            Some(running) if holder.is_none() && folder::is_closed(&settings.data_dir) => Doubtful(
                format!("{}; this user can't tell with which data directory", running.at(listen)),
                "run this command as the owner of the data directory".to_owned(),
            ),
            Some(running) => beside(listen, &running, holder),
            None => stranger(listen, holder),
        },
        Err(error) => unusable(listen, &error),
    }
}

fn beside(listen: &str, running: &RunningServer, holder: Option<&str>) -> Finding {
    let name = running.at(listen);
    let Some(process) = holder else {
        return Doubtful(
            format!("{name} with another data directory"),
            "choose its data directory with --data-dir to check it, or another port with --listen for a second server"
                .to_owned(),
        );
    };
    if running.draining {
        return Good(format!("{name} (process {process}) and shutting down"));
    }
    if running.failing.is_empty() {
        return Good(format!("{name} (process {process})"));
    }
    Missing(
        format!(
            "{name} (process {process}), but is not ready: {}",
            running.failing.join(", ")
        ),
        "its log has the reason".to_owned(),
    )
}

fn stranger(listen: &str, holder: Option<&str>) -> Finding {
    let remedy = "stop that program, or choose another port with --listen".to_owned();
    match holder {
        None => Missing(format!("{listen} is taken by another program"), remedy),
        Some(process) => Missing(
            format!(
                "{listen} is taken by a program that doesn't answer as MoocFlix does; MoocFlix (process {process}) uses \
                 the data directory"
            ),
            remedy,
        ),
    }
}

async fn metrics(listen: &str) -> Finding {
    match TcpListener::bind(listen).await {
        Ok(_) => Good(format!("{listen} is free")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            if server::has_metrics(listen).await {
                Good(format!("MoocFlix's metrics are at {listen}"))
            } else {
                Missing(
                    format!("{listen} is taken by another program"),
                    "stop that program, or choose another port for metrics_listen".to_owned(),
                )
            }
        }
        Err(error) => unusable(listen, &error),
    }
}

fn unusable(listen: &str, error: &std::io::Error) -> Finding {
    Missing(
        format!("{listen}: {error}"),
        "choose an address of this machine with --listen".to_owned(),
    )
}

/// Browsers send passwords to this address, so it needs TLS unless it is this machine's own.
async fn public(settings: &Settings) -> Finding {
    let remedy = "put a proxy with TLS in front, and set public_url to its https:// address";
    match &settings.public_url {
        Some(url) if url.starts_with("https://") => Good(url.clone()),
        Some(url) if url.starts_with("http://localhost") || url.starts_with("http://127.") => Good(url.clone()),
        Some(url) => Doubtful(
            format!("{url} is not encrypted: others can read passwords"),
            remedy.to_owned(),
        ),
        None if is_local(&settings.listen).await => Good("this machine only".to_owned()),
        None => Doubtful(
            format!(
                "other machines reach {} without encryption: others can read passwords",
                settings.listen
            ),
            remedy.to_owned(),
        ),
    }
}

async fn is_local(listen: &str) -> bool {
    match tokio::net::lookup_host(listen).await {
        Ok(mut addresses) => addresses.all(|address: SocketAddr| address.ip().is_loopback()),
        Err(_) => true,
    }
}
