//! One file a route; what several of them speak is in `views`, `errors` and `cookie`.

pub(crate) mod change_password;
mod cookie;
pub(crate) mod deactivate;
mod errors;
pub(crate) mod fetch_profile;
pub(crate) mod list_users;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod publish_keys;
pub(crate) mod refresh_token;
pub(crate) mod set_roles;
pub(crate) mod signup;
pub(crate) mod update_profile;
mod views;
