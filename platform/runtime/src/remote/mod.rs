//! What this process asks of servers elsewhere.

mod fetch;
mod key_source;
mod provider;
mod provider_config;

pub use fetch::{Fetch, FetchError, is_safe_url};
pub use provider::{Metadata, Provider};
pub use provider_config::ProviderConfig;
