//! Plain data and its rules; nothing here talks to anything.

mod common_passwords;
mod email;
mod password;
mod profile;
mod revocation;
mod session;
mod signing_key;
mod user;

pub use email::EmailAddress;
pub use password::check_password;
pub use profile::{ProfileChange, check_bio, check_locale, check_name};
pub use revocation::{Refused, Revocation};
pub use session::{NewSession, Rotation, Session, Successor, TokenHash};
pub use signing_key::SealedKey;
pub use user::{NewUser, User};
