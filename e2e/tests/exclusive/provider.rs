//! People sign in to the page with another provider.

use crate::page::free_port;
use anyhow::{Context, Result, ensure};
use e2e::provider::{self, Provider};
use e2e::server::Start;
use e2e::{settings, stage, tools};
use tokio::process::Command;

#[tokio::test(flavor = "multi_thread")]
async fn people_sign_in_with_a_provider_in_a_browser_and_again_after_its_key_has_changed() -> Result<()> {
    let _machine = super::MACHINE.lock().await;
    // the provider has to know the server's address, and the server the provider's
    let address = format!("127.0.0.1:{}", free_port()?);
    let url = format!("http://{address}");
    let mut school = Provider::start(&Provider::callback(&url)).await?;
    let start = school
        .offered(Start::default())
        .set("USERS__PROVIDERS__SCHOOL__AUDIENCE", provider::AUDIENCE)
        .set("PUBLIC_URL", &url)
        .listening(address);
    stage::scenario(start, async |stage| {
        stage.api.secret(provider::SECRET);
        let mut visit = Command::new("node");
        visit
            .arg(settings::root().join("web/page/test/browser/run_provider.mjs"))
            .env("MOOCFLIX_URL", &stage.api.base)
            .env("PROVIDER_CONTROL", &school.control);
        tools::output(&mut visit, &[]).await?;

        // An app sends the provider's own access token: the same person.
        let answer = school.command("token ada").await?;
        let token = answer["access_token"].as_str().context("a token")?;
        let profile = stage.api.get("/api/v1/users/profile", token).await?.expect(200)?.json();
        ensure!(profile["email"] == "ada@school.example", "{profile}");
        Ok(())
    })
    .await
}
