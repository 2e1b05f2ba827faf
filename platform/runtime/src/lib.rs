//! What makes a service a process: HTTP, authentication, supervision, telemetry, configuration.
//!
//! A service hands over a [`Service`]: a URL [`Table`] whose rows carry their policy, and its work in
//! the background. The process (`moocflix`) puts services together, and this crate serves them:
//! connections with limits ([`server`]), a check in front of each row ([`Access`], [`Authenticator`]),
//! refusals as problem documents ([`Problem`]), and one orderly end ([`Shutdown`]).

pub mod audit;
mod auth;
pub mod config;
mod face;
mod live_reply;
mod messages;
mod metric;
pub mod metrics;
pub mod process;
pub mod receipts;
pub mod remote;
mod routing;
mod running;
pub mod secrets;
pub mod server;
mod service;
mod signals;
mod spawner;
pub mod telemetry;

pub use auth::auth_error::AuthError;
pub use auth::authenticator::Authenticator;
pub use auth::external::{ClaimNames, ExternalClaims, verified_email};
pub use auth::identify::{bearer, user_required};
pub use auth::internal_keys::InternalKeys;
pub use auth::issuer::Issuer;
pub use auth::keys::{KeyFeed, Keys, NoKeys, PublicKey};
pub use auth::principal::{Caller, Principal, Scopes};
pub use auth::revocations::{Hold, RevocationFeed, Revocations};
pub use face::Face;
pub use jsonwebtoken::Algorithm;
pub use messages::body::{BodyTimedOut, broken as broken_body, is_timeout as is_body_timeout, read_all as read_body};
pub use messages::client_address::{ClientAddress, NoNetwork, TrustedProxy};
pub use messages::extract::{Form, PathId, PathIds, Query};
pub use messages::json::{Json, object_from_slice};
pub use messages::problem::{FieldError, Problem, ProblemDocument};
pub use messages::request_id::RequestId;
pub use messages::{accept, conditional, multipart, page};
pub use metric::METRICS;
pub use routing::access::{Access, Policy};
pub use routing::fast_path::{FastAnswer, RequestHead};
pub use routing::guard::scope_required;
pub use routing::matched_route::note_row;
pub use routing::openapi;
pub use routing::questions::Questions;
pub use routing::routes::{Handlers, Routes, Row};
pub use routing::table::Table;
pub use running::Running;
pub use server::Quiet;
pub use service::{Background, Service, Shutdown};
pub use signals::signals;
pub use spawner::gather::Gather;
pub use spawner::{Spawner, TaskSet, WorkLost};
pub use utoipa_axum::routes;
