//! What the service does, in the words of its subject.

mod account_service;
mod key_service;
mod limiter;
mod password_hasher;
mod refresh_token;
mod revocation_service;
mod sealing;
mod session_service;
mod token_issuer;
mod user_error;

pub(crate) use account_service::{AccountService, Applicant, check};
pub(crate) use key_service::KeyService;
pub(crate) use limiter::Limiter;
pub(crate) use password_hasher::PasswordHasher;
pub(crate) use refresh_token::RefreshToken;
pub(crate) use revocation_service::RevocationService;
pub(crate) use session_service::{Credentials, Leaving, SessionService, SignedIn};
pub(crate) use token_issuer::TokenIssuer;
pub use user_error::UserError;
