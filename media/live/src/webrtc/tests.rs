//! Both ends in one process, on a network and a clock of the test's own.

mod client;
mod hostile;
mod publishing;
mod watching;
mod world;
