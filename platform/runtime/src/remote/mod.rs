//! What this process asks of servers elsewhere: of other roles, and of other issuers.

mod breaker;
mod causes;
mod fetch;
mod key_source;
mod live_nodes;
mod peer;
mod provider;
mod provider_config;
mod questions;
mod users_elsewhere;

pub use crate::live_reply::Arrived;
pub use fetch::{Fetch, FetchError, is_safe_url};
pub use live_nodes::LiveNodes;
pub use peer::Peer;
pub use provider::{Metadata, Provider};
pub use provider_config::ProviderConfig;
pub use users_elsewhere::UsersElsewhere;
