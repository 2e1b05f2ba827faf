//! The servers that the configuration names beside the database, asked for what `serve` needs of them.

use super::Finding::{self, Doubtful, Good, Missing};
use super::Findings;
use crate::settings::Settings;
use adapters::KafkaBus;
use anyhow::Result;
use backing::objects::ObjectError;
use contracts::events::TOPICS;
use contracts::{ObjectPrefix, VideoId};
use runtime::remote::{Fetch, Provider};
use std::time::Duration;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server that is away: the process starts, and notes it.
const AWAY: &str = "MoocFlix starts and goes on without it for a while; start the server, or correct";

pub(super) async fn check(settings: &Settings) -> Findings {
    let asked = tokio::join!(storage(settings), cache(settings), bus(settings));
    let named = [("storage", asked.0), ("cache", asked.1), ("bus", asked.2)];
    let found = named.into_iter().filter_map(|(name, finding)| Some((name, finding?)));
    let mut findings: Findings = found.collect();
    findings.extend(providers(settings).await);
    findings
}

/// Waits for an answer.
async fn answer<T>(asked: impl Future<Output = T>) -> Result<T, String> {
    let late = |_| format!("no answer within {} seconds", PATIENCE.as_secs());
    tokio::time::timeout(PATIENCE, asked).await.map_err(late)
}

/// The bucket, if objects are on a server: whether it is there and takes these keys.
async fn storage(settings: &Settings) -> Option<Finding> {
    let remedy = "correct storage_url, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY".to_owned();
    let objects = match settings.s3_objects() {
        Ok(objects) => objects?,
        Err(error) => return Some(Missing(format!("{error:#}"), remedy)),
    };
    // the keys of a lecture that can't exist
    let nobody = ObjectPrefix::Video(VideoId::from(uuid::Uuid::nil()));
    Some(match answer(objects.list(&nobody)).await {
        Ok(Ok(_)) => Good("the bucket answers".to_owned()),
        Ok(Err(ObjectError::NotFound)) => Missing("there is no such bucket".to_owned(), remedy),
        Ok(Err(error @ ObjectError::Unavailable(_))) => Doubtful(error.to_string(), format!("{AWAY} storage_url")),
        Ok(Err(error)) => Missing(error.to_string(), remedy),
        Err(late) => Doubtful(late, format!("{AWAY} storage_url")),
    })
}

async fn cache(settings: &Settings) -> Option<Finding> {
    let remedy = format!("{AWAY} cache_url");
    let cache = match settings.redis_cache() {
        Ok(cache) => cache?,
        Err(error) => return Some(Missing(format!("{error:#}"), remedy)),
    };
    Some(match answer(cache.connect()).await {
        Ok(Ok(())) => Good("the server answers".to_owned()),
        Ok(Err(error)) => Doubtful(error.to_string(), remedy),
        Err(late) => Doubtful(late, remedy),
    })
}

async fn bus(settings: &Settings) -> Option<Finding> {
    let remedy = format!("{AWAY} bus_url");
    let kafka = match settings.kafka_bus() {
        Ok(address) => KafkaBus::new(address?),
        Err(error) => return Some(Missing(format!("{error:#}"), remedy)),
    };
    let kafka = match kafka {
        Ok(kafka) => kafka,
        Err(error) => return Some(Missing(error.to_string(), remedy)),
    };
    Some(match answer(kafka.missing(TOPICS)).await {
        Ok(Ok(missing)) if missing.is_empty() => Good("the broker answers and has the topics".to_owned()),
        Ok(Ok(missing)) => Missing(
            format!("the broker has no topics {}", missing.join(", ")),
            "run `moocflix migrate`, which makes them".to_owned(),
        ),
        Ok(Err(error)) => Doubtful(error.to_string(), remedy),
        Err(late) => Doubtful(late, remedy),
    })
}

/// The metadata of each sign-in provider.
async fn providers(settings: &Settings) -> Findings {
    let mut findings = Findings::new();
    for (name, config) in &settings.users.providers {
        let asked = async {
            let (provider, _keys) = Provider::new(name, config.clone(), Fetch::new()?)?;
            let metadata = answer(provider.metadata()).await?;
            metadata
                .map(|_| provider.issuer().to_owned())
                .map_err(|error| error.to_string())
        };
        let finding = match asked.await {
            Ok(issuer) => Good(format!("{name}: {issuer} answers")),
            Err(why) => Doubtful(
                format!("{name}: {why}"),
                format!("people of other providers sign in meanwhile; correct users.providers.{name}.issuer"),
            ),
        };
        findings.push(("provider", finding));
    }
    findings
}
