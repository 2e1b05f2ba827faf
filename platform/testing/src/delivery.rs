//! Events from a service that the test does not run.

use crate::sure;
use crate::waiting::until;
use backing::bus::{Bus, Outgoing};
use contracts::Event;

/// Publishes an event and waits until every group of the bus has handled it.
pub async fn deliver(bus: &dyn Bus, event: &Event) {
    let outgoing = Outgoing {
        key: event.subject,
        id: event.id,
        bytes: sure(serde_json::to_vec(event)).into(),
    };
    sure(bus.publish(event.data.topic(), &[outgoing]).await);
    until("the event is handled", || async {
        let lags = bus.lag().await;
        lags.is_ok_and(|lags| lags.iter().all(|lag| lag.events == 0))
    })
    .await;
}
