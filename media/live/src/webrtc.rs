//! WebRTC on the server's side: a [`Publisher`] turns what arrives into [`Frame`](crate::Frame)s, and a [`Viewer`] gets them
//! as packets that a [`Packetiser`] makes once for everybody.
//!
//! Nothing here does I/O or reads a clock. Whoever holds a session gives it what has arrived and the time, and asks it for
//! what to send until it has nothing more to do before a moment.

mod access_unit;
mod clock;
mod connector;
mod key_frames;
mod keys;
mod layers;
mod link;
mod packetiser;
mod publisher;
mod srtp;
mod viewer;

pub use connector::{Connector, NoCertificate, OfferError};
pub use link::{Arrival, Departure, Transport, local_ufrag};
pub use packetiser::{Packetiser, Packets};
pub use publisher::{Published, Publisher};
pub use viewer::{Shown, Viewer};

#[cfg(test)]
mod tests;
