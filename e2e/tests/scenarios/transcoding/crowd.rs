//! Many short lectures of several owners at once: all become ready, and no owner waits for another's hundred.

use anyhow::{Context, Result, ensure};
use e2e::api::Account;
use e2e::encoding::{SignedIn, encoding, front, worker};
use e2e::media::sources;
use e2e::process::until;
use e2e::settings;
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::time::Duration;

const OWNERS: usize = 5;

/// Waits until all are ready; returns when each became playable.
async fn all_ready(stage: &mut Stage, ids: &[&String]) -> Result<BTreeMap<String, String>> {
    let mut admin = SignedIn::new(stage, "admin").await?;
    let within = Duration::from_secs(if settings::long() { 1_500 } else { 240 });
    let mut done = BTreeMap::new();
    until("all of them", within, async || {
        let token = admin.account(&stage.api).await?.token.clone();
        for id in ids {
            if done.contains_key(*id) {
                continue;
            }
            let video = stage.api.video(id, &token).await?;
            ensure!(video["status"] != "failed", "{video}");
            if video["status"] == "ready" {
                let at = video["playable_at"].as_str().context("playable_at")?;
                done.insert((*id).clone(), at.to_owned());
            }
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok((done.len() == ids.len()).then_some(()))
    })
    .await?;
    Ok(done)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_short_lectures_of_five_owners_are_encoded_in_fair_order() -> Result<()> {
    let each = settings::rounds(10, 100);
    scenario(front(""), async |stage| {
        let bytes = bytes::Bytes::from(std::fs::read(sources::tiny(2).await?)?);
        let mut owners: Vec<(Account, Vec<String>)> = Vec::new();
        // one owner after the other, so that the last owner's lectures come last
        for _ in 0..OWNERS {
            let owner = stage.account("instructor").await?;
            let uploads = futures::stream::iter(0..each).map(|_| stage.api.upload(bytes.clone(), &owner.token));
            let ids: Vec<String> = uploads.buffered(4).try_collect().await?;
            owners.push((owner, ids));
        }
        let jobs = worker(stage, encoding("")).await?;
        let owned: Vec<&String> = owners.iter().flat_map(|(_, ids)| ids).collect();
        let done = all_ready(stage, &owned).await.with_context(|| jobs.log())?;
        // RFC 3339 in UTC, with fractions of different lengths
        let moment = |id: &String| -> Result<i128> {
            let text = done.get(id).context("a moment")?;
            let format = time::format_description::well_known::Rfc3339;
            Ok(time::OffsetDateTime::parse(text, &format)?.unix_timestamp_nanos())
        };
        let mut orders: Vec<Vec<i128>> = Vec::new();
        for (_, ids) in &owners {
            let mut moments = ids.iter().map(moment).collect::<Result<Vec<_>>>()?;
            moments.sort_unstable();
            orders.push(moments);
        }
        let (first, last) = (orders.first().context("owners")?, orders.last().context("owners")?);
        let (last_first, first_tenth) = (last.first().context("a lecture")?, first.get(9).context("ten")?);
        let begun = orders.iter().filter_map(|it| it.first()).min().context("a first")?;
        let seconds = |it: &i128| (it - begun) as f64 / 1e9;
        report(format!(
            "the last owner's first after {:.1} s, the first owner's tenth after {:.1} s, all after {:.1} s",
            seconds(last_first),
            seconds(first_tenth),
            seconds(orders.iter().filter_map(|it| it.last()).max().context("a last")?)
        ));
        ensure!(
            last_first < first_tenth,
            "the last owner's first came after the first owner's tenth"
        );
        Ok(())
    })
    .await
}
