//! Topics, and offsets of topics and groups. All functions block, each for a few times the limit of one question.

use super::client::Client;
use rdkafka::client::{Client as Connection, ClientContext};
use rdkafka::consumer::Consumer;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::metadata::MetadataTopic;
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long one question about offsets may take.
const QUESTION: Duration = Duration::from_secs(2);

/// The partitions of topics.
type Partitions = TopicPartitionList;
type Offsets = BTreeMap<(String, i32), i64>;

/// The topics that the cluster lacks.
pub(super) fn missing<C: ClientContext>(
    connection: &Connection<C>,
    topics: &[String],
    limit: Duration,
) -> KafkaResult<Vec<String>> {
    let metadata = connection.fetch_metadata(None, limit)?;
    let known = |topic: &&String| metadata.topics().iter().any(|it| it.name() == topic.as_str());
    Ok(topics.iter().filter(|topic| !known(topic)).cloned().collect())
}

/// The ends of a topic's partitions, as offsets to continue from.
pub(super) fn ends_of(client: &Client, topic: &str) -> KafkaResult<Partitions> {
    let partitions = partitions(client, &[topic.to_owned()])?;
    let mut found = Partitions::new();
    for ((topic, partition), offset) in listed(client, &partitions, Offset::End)? {
        found.add_partition_offset(&topic, partition, Offset::Offset(offset))?;
    }
    Ok(found)
}

/// The number of events that a group has not committed yet.
pub(super) fn uncommitted(client: &Arc<Client>, topics: &[String]) -> KafkaResult<i64> {
    let partitions = partitions(client, topics)?;
    // the commits first: the number may be too high, but never too low
    let committed = client.committed_offsets(partitions.clone(), QUESTION)?;
    let committed = offsets(&committed);
    let ends = listed(client, &partitions, Offset::End)?;
    let begins = if ends.keys().all(|place| committed.contains_key(place)) {
        Offsets::new()
    } else {
        listed(client, &partitions, Offset::Beginning)?
    };
    let left = ends.iter().map(|(place, end)| {
        let from = committed.get(place).or_else(|| begins.get(place)).copied();
        end.saturating_sub(from.unwrap_or(0)).max(0)
    });
    Ok(left.sum())
}

fn partitions(client: &Client, topics: &[String]) -> KafkaResult<Partitions> {
    let mut found = Partitions::new();
    for topic in topics {
        let metadata = client.client().fetch_metadata(Some(topic), QUESTION)?;
        let partitions = metadata.topics().iter().flat_map(MetadataTopic::partitions);
        let before = found.count();
        for partition in partitions {
            found.add_partition(topic, partition.id());
        }
        if found.count() == before {
            return Err(KafkaError::MetadataFetch(RDKafkaErrorCode::UnknownTopic));
        }
    }
    Ok(found)
}

/// The first or the last offset of each partition. Brokers take both in place of a time.
fn listed(client: &Client, partitions: &Partitions, edge: Offset) -> KafkaResult<Offsets> {
    let mut asked = partitions.clone();
    asked.set_all_offsets(edge)?;
    let answered = client.offsets_for_times(asked, QUESTION)?;
    for partition in answered.elements() {
        partition.error()?;
    }
    Ok(offsets(&answered))
}

/// The offsets that are known.
fn offsets(partitions: &Partitions) -> Offsets {
    let known = partitions.elements().into_iter().filter_map(|it| match it.offset() {
        Offset::Offset(offset) => Some(((it.topic().to_owned(), it.partition()), offset)),
        _ => None,
    });
    known.collect()
}
