//! How services learn of each other's changes: outbox, relay, bus, deliveries, inbox.
//!
//! A repository pushes an event into the [`outbox`] in the transaction of its change. The [`Relay`] publishes it on the
//! [`Bus`], at least once and in order per aggregate; publishing ends when the event is accepted durably, not when it is
//! handled. A group stores accepted events as rows in its service's schema. The group's members handle each row in one
//! transaction: the [`Handler`]'s effect, the mark in the [`inbox`] and the deletion of the row commit together, so an
//! effect happens once. An event that can't be handled becomes one of the [`dead_letters`].

mod consumer;
pub mod dead_letters;
mod deliveries;
mod embedded;
mod errors;
mod group;
mod handler;
pub mod inbox;
mod lag;
pub mod outbox;
mod port;
mod relay;

pub use consumer::Consumer;
pub use embedded::EmbeddedBus;
pub use errors::count_error;
pub use group::Group;
pub use handler::{After, Handler, Refused};
pub use lag::report_lag;
pub use port::{Broadcast, Bus, BusError, Lag, Outgoing, Subscription};
pub use relay::Relay;
