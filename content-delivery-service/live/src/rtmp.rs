//! RTMP: how OBS and other encoders publish (`rtmp://HOST:PORT/live`, with the stream key as the stream's name).
//!
//! The listener accepts connections within limits, a session speaks the protocol of [`live::rtmp`] on one of them. Its frames
//! go into playlists as they are. While somebody watches by WebRTC, its [`crate::encoders`] make the pictures and the sound
//! that WebRTC knows.

mod listener;
mod realtime;
mod session;
mod tries;

use crate::rooms::Rooms;
use contracts::questions::live::LiveDoor;
use runtime::Background;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::TcpListener;

/// What sessions need.
#[derive(Clone)]
pub struct Ingest {
    /// Knows who may publish.
    pub door: Arc<dyn LiveDoor>,
    /// The rooms of this node, with their encoders.
    pub rooms: Rooms,
}

impl Ingest {
    /// Opens a port and takes publishers until the process stops.
    pub fn listen(self, address: SocketAddr) -> Background {
        Background::new("rtmp", move |shutdown| async move {
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|error| format!("{address} can't be opened for RTMP: {error}"))?;
            tracing::info!(%address, "publishers can connect by RTMP");
            listener::serve(listener, self, shutdown).await;
            Ok(())
        })
    }
}
