//! A live lecture on two nodes, in Chromium.

use super::MACHINE;
use anyhow::{Context, Result, ensure};
use e2e::live::{announce, publish_by_whip};
use e2e::tools::{self, report};
use e2e::topology::Installation;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_publishes_and_watches_by_the_node_that_does_not_hold_the_lecture() -> Result<()> {
    let _machine = MACHINE.lock().await;
    let (mut site, other) = Installation::nodes(&[]).await?;
    let (teacher, admin) = (site.account("instructor").await?, site.account("admin").await?);
    let (id, key) = announce(&site.api, &teacher).await?;
    let (mut first, _) = publish_by_whip(&site.api.base, &id, &key).await?;
    let at = |end: &str| format!("{}/api/v1/content/live/{id}/{end}", other.url());
    let order = json!({
        "origin": other.url(),
        "whip": { "url": at("whip"), "bearer": key },
        "whep": { "url": at("whep"), "bearer": teacher.token },
        "seconds": 6,
    });
    let seen = tools::output(&mut tools::node("live.mjs")?, &serde_json::to_vec(&order)?).await?;
    let seen: Value = serde_json::from_slice(&seen)?;
    report(format!(
        "by the wrong node: connected after {} ms, {} pictures, largest gap {} s",
        seen["connected"], seen["frames"], seen["gap"]
    ));
    ensure!(seen["frames"].as_f64().context("pictures")? >= 50.0, "{seen}");
    ensure!(seen["gap"].as_f64().context("a gap")? <= 2.0, "{seen}");
    let metrics = e2e::api::Api::new(&other.url())?.get("/metrics", &admin.token).await?;
    let metrics = metrics.expect(200)?.text();
    for kind in ["publisher", "viewer"] {
        let line = format!("moocflix_live_webrtc_sent_elsewhere_total{{kind=\"{kind}\"}} 1");
        ensure!(
            metrics.lines().any(|it| it == line),
            "{kind} was not sent to the other node"
        );
    }
    // The browser has taken the lecture over.
    first.start_kill()?;
    Ok(())
}
