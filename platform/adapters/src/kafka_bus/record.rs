//! Events as Kafka's records: CloudEvents in structured mode, with the aggregate's id as their key.

use backing::bus::Outgoing;
use bytes::Bytes;
use contracts::EventId;
use contracts::events::Envelope;
use rdkafka::Message;
use rdkafka::message::{BorrowedMessage, Header, Headers, OwnedHeaders};
use uuid::Uuid;

const CONTENT_TYPE: &str = "application/cloudevents+json; charset=UTF-8";
/// The header with the event's id, which can be read even if the event can't.
const ID: &str = "ce_id";

/// An event's headers.
///
/// Source: CloudEvents' Kafka protocol binding 1.0.2, section 3.3
pub(super) fn headers(event: &Outgoing) -> OwnedHeaders {
    let id = event.id.to_string();
    let headers = OwnedHeaders::new_with_capacity(2);
    let headers = headers.insert(Header {
        key: "content-type",
        value: Some(CONTENT_TYPE),
    });
    headers.insert(Header {
        key: ID,
        value: Some(&id),
    })
}

/// An event as it was published. A record of another program may lack its key and its id: then they follow from its place,
/// so that it becomes a dead letter like any bytes that are no event.
pub(super) fn event(record: &BorrowedMessage<'_>) -> Outgoing {
    let bytes = Bytes::copy_from_slice(record.payload().unwrap_or_default());
    let place = place(record);
    Outgoing {
        key: record.key().and_then(uuid).unwrap_or(place),
        id: id(record)
            .or_else(|| Envelope::read(&bytes).ok().map(|envelope| envelope.id))
            .unwrap_or(EventId::from(place)),
        bytes,
    }
}

fn id(record: &BorrowedMessage<'_>) -> Option<EventId> {
    let id = record.headers()?.iter().find(|header| header.key == ID)?;
    id.value.and_then(uuid).map(EventId::from)
}

fn uuid(text: &[u8]) -> Option<Uuid> {
    Uuid::try_parse_ascii(text).ok()
}

/// An id that no other record of the cluster has.
fn place(record: &BorrowedMessage<'_>) -> Uuid {
    let topic = record
        .topic()
        .bytes()
        .fold(0_u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let partition = u128::from(record.partition().unsigned_abs());
    Uuid::from_u128((u128::from(topic) << 96) | (partition << 64) | u128::from(record.offset().unsigned_abs()))
}
