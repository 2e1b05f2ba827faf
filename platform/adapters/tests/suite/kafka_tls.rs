//! Kafka with TLS and sign-ins, by an authority of the test's own; only builds with the feature `kafka-tls` have this.

use crate::kafka_server::{KafkaServer, kafka, same};
use backing::bus::{Bus as _, BusError};
use contracts::events::TOPICS;
use testing::suites::bus::{conformance, pairs};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn events_pass_by_tls_with_either_sign_in_and_nobody_else_gets_in() {
    let server = KafkaServer::start_with(&["--tls"]);
    assert!(server.url.starts_with("kafkas://"), "{}", server.url);
    for mechanism in ["scram-sha-512", "plain"] {
        let url = || {
            format!(
                "{}&sasl={mechanism}&prefix={}.&partitions=2",
                server.url,
                Uuid::now_v7()
            )
        };
        for pair in pairs(|| same(&url())).await {
            let scenario = conformance::each_group_handles_each_event_once_and_in_order_per_aggregate(&pair);
            Box::pin(scenario).await;
        }
    }
    let (address, _) = server.url.split_once('?').unwrap();
    let (_, rest) = server.url.split_once('@').unwrap();
    let plain = address.replace("kafkas://", "kafka://");
    for (who, url) in [
        ("the machine's authorities", address.to_owned()),
        ("another password", format!("kafkas://moocflix:wrong@{rest}")),
        ("nobody", format!("kafkas://{rest}")),
        ("a client without TLS", plain),
    ] {
        let bus = kafka(&url);
        let checked = bus.check().await;
        assert!(matches!(checked, Err(BusError::Away(_))), "{who}: {checked:?}");
        let missing = bus.missing(TOPICS).await;
        assert!(missing.is_err(), "{who}: {missing:?}");
    }
}
