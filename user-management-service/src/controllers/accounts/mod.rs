//! Accounts: owners create and change them, admins list them and set their roles.

pub(crate) mod change_password;
pub(crate) mod deactivate;
pub(crate) mod documents;
pub(crate) mod errors;
pub(crate) mod fetch_profile;
pub(crate) mod list_users;
pub(crate) mod set_roles;
pub(crate) mod signup;
pub(crate) mod update_profile;
