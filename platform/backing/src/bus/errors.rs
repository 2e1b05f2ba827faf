//! Errors on the way to a broker as a metric.

use crate::metric;

/// Counts an error that a broker, or the connection to it, has reported.
pub fn count_error() {
    metrics::counter!(metric::BUS_ERRORS).increment(1);
}
