//! Which node holds a lecture, by its lease.

use super::Rooms;
use backing::DbError;
use contracts::VideoId;
use url::Url;

/// Where a lecture is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Whereabouts {
    /// Another node holds it.
    Elsewhere {
        /// The node's address.
        node: Url,
        /// The number of its lease.
        lease: i64,
    },
    /// This node holds it, or none does at the moment, or one without an address.
    Nowhere,
    /// It is not live, and will not be any more.
    Never,
}

impl Rooms {
    /// Where a lecture is live now, as the database says.
    pub(crate) async fn whereabouts(&self, video: VideoId) -> Result<Whereabouts, DbError> {
        let Some(store) = &self.0.store else {
            return Ok(Whereabouts::Never);
        };
        if self.held(video).is_some() {
            return Ok(Whereabouts::Nowhere);
        }
        let Some(broadcast) = store.broadcasts.find(video).await? else {
            return Ok(Whereabouts::Never);
        };
        if broadcast.recorded_at.is_some() {
            return Ok(Whereabouts::Never);
        }
        let now = store.clock.now();
        let lease = broadcast
            .lease
            .filter(|lease| lease.until > now && lease.node != store.node);
        let elsewhere = lease.and_then(|lease| {
            let node = lease.node.parse().ok().filter(Url::has_host)?;
            Some(Whereabouts::Elsewhere {
                node,
                lease: lease.number,
            })
        });
        Ok(elsewhere.unwrap_or(Whereabouts::Nowhere))
    }
}
