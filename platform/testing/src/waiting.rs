//! Waits for what happens beside the test.

use std::time::{Duration, Instant};

/// How long a loaded machine may take for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// Waits until a condition holds; fails the test when it does not in 20 seconds.
pub async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
