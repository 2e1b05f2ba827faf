//! The ports and the database on their embedded adapters, and on PostgreSQL where there are two engines.

#[cfg(test)]
mod bus;
#[cfg(test)]
mod database;
#[cfg(test)]
mod events;
#[cfg(test)]
mod once;
#[cfg(test)]
mod ports;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod uploads;
#[cfg(test)]
mod worker;
