//! The embedded bus passes the bus suite on each engine, and survives kills.

mod killed;

use backing::bus::{Bus, EmbeddedBus};
use std::sync::Arc;

fn bus() -> Arc<dyn Bus> {
    Arc::new(EmbeddedBus::new())
}

testing::bus_conforms!([bus(), bus()]);
