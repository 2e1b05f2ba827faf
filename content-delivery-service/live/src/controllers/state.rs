//! What controllers use.

use crate::ice_servers::IceServer;
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
    pub(crate) authenticator: Authenticator,
    pub(crate) ice_servers: Arc<[IceServer]>,
    pub(crate) clock: Clock,
}
