//! Scenarios with a player or a clock, which would fail on a busy machine: `./test` runs this program after all others,
//! and its scenarios run one at a time.

mod bad_network;
mod every_kind;
mod field;
mod live_nodes;
mod page;
mod provider;
mod readme;
mod recording;
mod rtmp;
mod viewer;
mod webrtc;

use anyhow::Result;
use e2e::server::Start;
use e2e::stage::{self, Stage};
use tokio::sync::Mutex;

/// Held by the running scenario, however many threads the test runner uses.
static MACHINE: Mutex<()> = Mutex::const_new(());

/// Runs a scenario while no other one of this program runs.
async fn scenario(start: Start, play: impl AsyncFnOnce(&mut Stage) -> Result<()>) -> Result<()> {
    let _machine = MACHINE.lock().await;
    stage::scenario(start, play).await
}
