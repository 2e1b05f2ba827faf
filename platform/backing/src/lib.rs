//! The outside world: database, objects, bus, cache, tasks, hot bytes and the clock.

mod clock;

pub use clock::Clock;
