//! A check at start: what the cage around encoders holds on this machine, and which ffmpeg runs in it.

use crate::encoder::{FFMPEG, version};
use runtime::Background;
use sandbox::staging::Staging;
use sandbox::{Limits, Order, Report, RunError, Sandbox, selftest};
use std::io;
use std::path::Path;
use uuid::Uuid;

/// Fails if an attack gets through the cage, or if this machine lacks a layer without which no encoder would run.
pub(crate) async fn require(sandbox: &Sandbox, staging: &Staging) -> io::Result<()> {
    // Where a layer is missing, a required cage would refuse the attempts themselves.
    let tried = selftest(&sandbox.clone().required(false), staging).await;
    let report = tried.map_err(io::Error::other)?;
    log(&report);
    let mut reasons = Vec::new();
    if !report.lacking().is_empty() {
        reasons.push(format!("this machine lacks {}", names(&report.lacking())));
    }
    if !report.open.is_empty() {
        reasons.push(format!("an encoder that a file has taken over {}", attacks(&report)));
    }
    if reasons.is_empty() {
        return Ok(());
    }
    let message = format!(
        "content.transcode.sandbox is \"required\", but {}; docs/sandbox.md lists what each layer needs",
        reasons.join(", and ")
    );
    Err(io::Error::other(message))
}

/// Checks the cage, if that has not been done, and ffmpeg; logs what is missing.
pub(crate) fn background(sandbox: Sandbox, staging: Staging, checked: bool) -> Background {
    Background::new("cage-check", move |shutdown| async move {
        let checks = async {
            if !checked {
                match selftest(&sandbox, &staging).await {
                    Ok(report) => log(&report),
                    Err(error) => tracing::warn!(%error, "the cage around encoders could not be tested"),
                }
            }
            match installed(&sandbox, &staging).await {
                Ok(output) => {
                    if let Some(warning) = version::version(&output).and_then(version::warning) {
                        tracing::warn!("{warning}");
                    }
                }
                Err(error) => tracing::error!(%error, "ffmpeg does not run: no lecture can be encoded"),
            }
        };
        tokio::select! {
            () = checks => shutdown.requested().await,
            () = shutdown.requested() => {}
        }
        Ok(())
    })
}

fn log(report: &Report) {
    let layers = names(&report.layers);
    let missing = names(&report.missing());
    if report.open.is_empty() {
        tracing::info!(layers, missing, "encoders run in a cage");
    } else {
        let attacks = attacks(report);
        tracing::warn!(
            layers,
            missing,
            attacks,
            "the cage around encoders has holes; see docs/sandbox.md"
        );
    }
}

fn names(layers: &[sandbox::Layer]) -> String {
    let names: Vec<String> = layers.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn attacks(report: &Report) -> String {
    let attacks: Vec<&str> = report.open.iter().map(|attack| attack.describe()).collect();
    attacks.join("; ")
}

/// What ffmpeg prints about itself.
async fn installed(sandbox: &Sandbox, staging: &Staging) -> Result<String, RunError> {
    let folder = staging.task(Uuid::now_v7())?;
    let mut running = sandbox.start(&version_order(folder.path()))?;
    let mut output = Vec::new();
    while let Some(bytes) = running.next().await? {
        output.extend_from_slice(&bytes);
    }
    Ok(String::from_utf8_lossy(&output).into_owned())
}

fn version_order(folder: &Path) -> Order {
    Order {
        tool: FFMPEG.into(),
        args: vec!["-version".into()],
        folder: folder.to_owned(),
        reads: Vec::new(),
        writes: Vec::new(),
        limits: Limits::default(),
    }
}
