//! The back ends: database, objects, bus, cache, tasks, hot bytes and the clock.
//!
//! Each port (`objects`, `bus`, `cache`) is a trait with an embedded adapter; every adapter passes the
//! port's suite in `testing`. The database is not a port: it has two pools behind one interface.

pub mod audit;
mod backing;
pub mod bus;
pub mod cache;
pub mod clock;
pub mod db;
pub mod hot;
mod metric;
pub mod objects;
pub mod once;
pub mod space;
pub mod tasks;

pub use backing::Backing;
pub use bus::{inbox, outbox};
pub use clock::Clock;
pub use db::{Db, DbError, Migration, Tx};
pub use metric::{METRICS, Metric};
