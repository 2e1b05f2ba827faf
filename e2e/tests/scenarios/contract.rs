//! The server behaves as its OpenAPI document describes: schemathesis calls every operation as an instructor and as an
//! admin, with valid and invalid requests, and follows links from the ids that it created.

use anyhow::{Context, Result};
use e2e::server::Start;
use e2e::stage::scenario;
use e2e::{media, settings, tools};

/// Calls every operation with a sign-in of this role.
async fn keeps_its_document(role: &str) -> Result<()> {
    let start = Start::default()
        .set("USERS__LIMITS__SIGNUPS_PER_ADDRESS", "0")
        .set("USERS__LIMITS__FAILURES_PER_ADDRESS", "0")
        .set("USERS__LIMITS__FAILURES_PER_ACCOUNT", "0")
        .set("USERS__LIMITS__SIGNINS_PER_ACCOUNT", "0")
        .set("CONTENT__TRANSCODE__SLOTS", "1");
    scenario(start, async |stage| {
        let account = stage.account(role).await?;
        let seed = settings::seed() % 1_000_000;
        tools::report(format_args!("schemathesis as {role}: seed {seed}"));
        let mut contract = tools::python("contract.py")?;
        contract
            .args([&stage.api.base, &account.email, &account.password])
            .arg(media::short().await?)
            .args([seed.to_string(), settings::rounds(6, 60).to_string()]);
        let output = tools::output(&mut contract, &[]).await?;
        let output = String::from_utf8_lossy(&output);
        let links = output.lines().find(|line| line.contains("API Links"));
        let cases = output.lines().find(|line| line.contains("generated"));
        let (links, cases) = (links.context("its links")?, cases.context("its cases")?);
        tools::report(format_args!("{}; {}", cases.trim(), links.trim()));
        Ok(())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_keeps_its_document_for_an_instructor() -> Result<()> {
    keeps_its_document("instructor").await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_keeps_its_document_for_an_admin() -> Result<()> {
    keeps_its_document("admin").await
}
