//! The state behind all routes of this service.

use crate::models::sessions::public_address::PublicAddress;
use crate::services::account_service::AccountService;
use crate::services::client_service::ClientService;
use crate::services::provider_service::ProviderService;
use crate::services::session_service::SessionService;
use runtime::Keys;

/// What the controllers work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) accounts: AccountService,
    pub(crate) sessions: SessionService,
    pub(crate) clients: ClientService,
    pub(crate) providers: ProviderService,
    pub(crate) keys: Keys,
    pub(crate) public_address: PublicAddress,
}
