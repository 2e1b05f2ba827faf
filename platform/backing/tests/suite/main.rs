//! Tests of the ports and the database with their embedded adapters, and with PostgreSQL where there are two engines.

#[cfg(test)]
mod audit;
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
