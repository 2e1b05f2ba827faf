//! Clients, which admins make, list and delete.

pub(crate) mod create_client;
pub(crate) mod delete_client;
pub(crate) mod documents;
pub(crate) mod errors;
pub(crate) mod list_clients;
pub(crate) mod renew_secret;
