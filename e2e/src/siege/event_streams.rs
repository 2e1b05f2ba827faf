//! A flood of event streams, each of which asks the database again and again.

use crate::api::Api;
use anyhow::Result;
use futures::{StreamExt as _, stream};
use reqwest::Response;

/// How many requests are sent at the same time; those that are answered by a stream stay open.
const ABREAST: usize = 32;

/// What came of the flood; the streams are open until it is dropped.
#[derive(Debug, Default)]
pub struct Flood {
    /// The open streams.
    pub open: Vec<Response>,
    /// The statuses of refusals.
    pub refused: Vec<u16>,
}

/// Asks for `count` streams of one lecture's events.
pub async fn open(api: &Api, token: &str, video: &str, count: usize) -> Result<Flood> {
    let path = format!("/api/v1/content/{video}/events");
    let ask = |_| api.request(reqwest::Method::GET, &path).bearer_auth(token).send();
    let mut answers = stream::iter(0..count).map(ask).buffer_unordered(ABREAST);
    let mut flood = Flood::default();
    while let Some(answer) = answers.next().await {
        let answer = answer?;
        if answer.status() == 200 {
            flood.open.push(answer);
        } else {
            flood.refused.push(answer.status().as_u16());
        }
    }
    Ok(flood)
}
