//! What controllers use.

use crate::ice_servers::IceServer;
use crate::nodes::Nodes;
use crate::sessions::Sessions;
use backing::Clock;
use contracts::questions::live::LiveDoor;
use runtime::Authenticator;
use std::sync::Arc;

/// What controllers use.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) sessions: Sessions,
    pub(crate) door: Arc<dyn LiveDoor>,
    /// The way to other nodes; none if there is only this one.
    pub(crate) nodes: Option<Nodes>,
    /// This server's own address, if it is set: sessions stay here, wherever their clients' next requests would be led.
    pub(crate) address: Option<String>,
    pub(crate) authenticator: Authenticator,
    pub(crate) ice_servers: Arc<[IceServer]>,
    pub(crate) clock: Clock,
}
