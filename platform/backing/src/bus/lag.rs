//! The groups' lag as a metric.

use super::port::Bus;
use crate::metric;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// The interval of measurements.
const MEASURING: Duration = Duration::from_secs(5);

/// Reports how far this process's groups lag behind, until `stop` resolves.
pub async fn report_lag(bus: Arc<dyn Bus>, stop: impl Future<Output = ()> + Send) {
    let (mut stop, mut failing) = (pin!(stop), false);
    metrics::counter!(metric::BUS_ERRORS).increment(0);
    loop {
        match bus.lag().await {
            Ok(groups) => {
                failing = false;
                for lag in groups {
                    let events = i32::try_from(lag.events).unwrap_or(i32::MAX);
                    metrics::gauge!(metric::BUS_LAG, "group" => lag.group).set(f64::from(events));
                }
            }
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "the groups' lag can't be measured");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = &mut stop => return,
            () = tokio::time::sleep(MEASURING) => {}
        }
    }
}
