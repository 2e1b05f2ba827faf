//! Floods of uploads: many at the same time, and as many as the disk takes.

use crate::api::Api;
use crate::tus;
use anyhow::{Result, ensure};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::Body;

const BLOCK: usize = 64 << 10;
/// Far more than any disk of a test holds.
const MOST: usize = 1_000;

/// A file of some length that starts like an MP4 and continues with one large box.
#[must_use]
pub fn film(length: u64) -> Body {
    film_part(length, length)
}

/// The first `part` bytes of such a file.
fn film_part(length: u64, part: u64) -> Body {
    let mut head = [&24_u32.to_be_bytes()[..], b"ftypisom\0\0\x02\0isomavc1"].concat();
    head.extend(1_u32.to_be_bytes());
    head.extend(b"mdat");
    head.extend((length - 24).to_be_bytes());
    let block = Bytes::from(vec![0x5a; BLOCK]);
    Body::wrap_stream(stream::unfold((0, Bytes::from(head)), move |(sent, next)| {
        let (left, block) = (part - sent, block.clone());
        async move {
            let some = next.slice(..usize::try_from(left).unwrap_or(usize::MAX).min(next.len()));
            (left > 0).then(|| (Ok::<_, std::io::Error>(some.clone()), (sent + some.len() as u64, block)))
        }
    }))
}

/// What came of a flood of uploads.
#[derive(Debug, Clone, Default)]
pub struct Flood {
    /// How many requests the server took to their end.
    pub taken: usize,
    /// The stable codes of the refusals.
    pub refused: Vec<String>,
}

/// Sends `bytes` of `count` uploads, all at the same time, taking turns among the owners of these tokens.
pub async fn at_once(api: &Api, tokens: &[String], count: usize, bytes: u64) -> Result<Flood> {
    ensure!(!tokens.is_empty(), "an attack takes an owner at least");
    let create = |n: usize| async move { tus::create(api, &tokens[n % tokens.len()], bytes + 1).await };
    let uploads: Vec<_> = stream::iter(0..count).map(create).buffered(8).try_collect().await?;
    let send = |url: String| async move {
        let request = tus::patch(api, &url, 0, film_part(bytes + 1, bytes)).header("content-length", bytes);
        api.send(request).await
    };
    let sent = futures::future::join_all(uploads.into_iter().map(|upload| send(upload.url))).await;
    let mut flood = Flood::default();
    for answer in sent {
        // a refusal may overtake the bytes
        match answer {
            Ok(answer) if answer.status == 204 => flood.taken += 1,
            Ok(answer) => flood.refused.push(answer.code()),
            Err(_) => flood.refused.push(String::new()),
        }
    }
    Ok(flood)
}

/// Uploads files of `length` until there is no space left for another; returns their ids.
pub async fn fill_up(api: &Api, token: &str, length: u64) -> Result<Vec<String>> {
    let mut ids = Vec::new();
    while ids.len() < MOST {
        let request = api
            .request(reqwest::Method::POST, "/api/v1/content/upload")
            .bearer_auth(token)
            .header("content-type", "video/mp4")
            .header("content-length", length);
        let answer = match api.send(request.body(film(length))).await {
            Ok(answer) if answer.status == 507 => return Ok(ids),
            Ok(answer) => answer,
            // The refusal may have overtaken the bytes; one that has none can't be.
            Err(_) => {
                tus::ask(api, token, &length.to_string())
                    .await?
                    .problem(507, "storage_full")?;
                return Ok(ids);
            }
        };
        let made = answer.expect(201)?.json();
        ids.extend(made["id"].as_str().map(str::to_owned));
    }
    anyhow::bail!("the disk takes everything")
}
