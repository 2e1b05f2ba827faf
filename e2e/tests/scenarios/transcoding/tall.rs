//! Pictures with a side that is longer than encoders accept.

use anyhow::{Result, ensure};
use e2e::media;
use e2e::server::Start;
use e2e::stage::scenario;

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_that_is_longer_than_any_level_allows_becomes_smaller_and_plays() -> Result<()> {
    scenario(Start::default(), async |stage| {
        let owner = stage.account("instructor").await?;
        for (size, expected) in [("250x9200", "236x8684"), ("9000x16", "8438x16")] {
            let picture = format!("testsrc2=size={size}:rate=5:duration=2");
            let arguments = ["-f", "lavfi", "-i", &picture, "-c:v", "ffv1"];
            let path = media::make("scroll.mkv", &arguments).await?;
            let id = stage.api.upload(std::fs::read(path)?, &owner.token).await?;
            stage.api.becomes(&id, &owner.token, &["ready"]).await?;
            let session = stage.api.session(&id, &owner.token).await?;
            let index = stage.api.fetch(&session.hls_url).await?.expect(200)?.text();
            ensure!(index.contains(&format!("RESOLUTION={expected}")), "{size}: {index}");
        }
        Ok(())
    })
    .await
}
