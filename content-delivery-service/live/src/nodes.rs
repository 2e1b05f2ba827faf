//! The other nodes that serve live lectures: which of them holds a lecture, and how clients and readers get there.
//!
//! A node that holds a lecture says so by its lease, which has the node's address. Whoever wants to publish or watch by WebRTC
//! is sent there with a ticket (`tickets`); playlists and media are read there and served here (`reading`). A node that
//! holds a lecture but does not answer is passed over, so that a lecture goes on where its publisher comes back.

mod answering;
mod reading;
mod tickets;

pub(crate) use answering::Answering;
pub use reading::Reading;
pub(crate) use tickets::Pass;

use crate::rooms::{Rooms, Whereabouts};
use backing::{Clock, DbError};
use contracts::VideoId;
use runtime::remote::LiveNodes;
use std::sync::Arc;
use tickets::Tickets;
use url::Url;

/// The way to the other nodes; clones share the tickets that were used.
#[derive(Clone)]
pub struct Nodes(Arc<Inner>);

struct Inner {
    rooms: Rooms,
    away: LiveNodes,
    tickets: Tickets,
    /// This node's own address.
    address: String,
}

impl Nodes {
    /// The way from the node with this address; all nodes have the same secret.
    #[must_use]
    pub fn new(rooms: Rooms, away: LiveNodes, address: String, (secret, clock): (&[u8], Clock)) -> Self {
        Self(Arc::new(Inner {
            rooms,
            away,
            tickets: Tickets::new(secret, clock),
            address,
        }))
    }

    /// This node's own address.
    pub(crate) fn address(&self) -> &str {
        &self.0.address
    }

    /// The living node that holds a lecture, if it is another one.
    pub(crate) async fn holder(&self, video: VideoId) -> Result<Option<Url>, DbError> {
        let Whereabouts::Elsewhere { node, .. } = self.0.rooms.whereabouts(video).await? else {
            return Ok(None);
        };
        let lives = self.0.away.lives(&node).await;
        Ok(lives.then_some(node))
    }

    /// The address at another node, with a ticket, where a client goes on: `end` is `whip` or `whep`.
    pub(crate) fn way(&self, node: &Url, (video, end): (VideoId, &str), pass: Pass) -> Option<Url> {
        let ticket = self.0.tickets.issue(node.as_str(), pass)?;
        let mut url = node.clone();
        url.set_path(&format!("/api/v1/content/live/{video}/{end}"));
        url.set_query(Some(&format!("ticket={ticket}")));
        Some(url)
    }

    /// What a ticket for this node allows; none if it is no good, or was used before.
    pub(crate) fn redeem(&self, ticket: &str) -> Option<Pass> {
        let own: Url = self.0.address.parse().ok()?;
        self.0.tickets.redeem(own.as_str(), ticket)
    }
}
