//! What makes a service a process: HTTP, authentication, supervision, telemetry, configuration.
//!
//! A service hands over a [`Service`]: a URL [`Table`] whose rows carry their policy, and its work in
//! the background. The process (`moocflix`) puts services together, and this crate serves them:
//! connections with limits ([`server`]), a check in front of each row ([`Access`], [`Authenticator`]),
//! refusals as problem documents ([`Problem`]), and one orderly end ([`Shutdown`]).

pub mod accept;
mod access;
mod auth_error;
mod authenticator;
mod body;
mod client_address;
pub mod conditional;
pub mod config;
mod extract;
mod face;
mod field_errors;
mod guard;
mod identify;
mod issuer;
mod json;
mod keys;
mod matched_route;
pub mod metrics;
pub mod multipart;
pub mod openapi;
pub mod page;
mod principal;
mod problem;
pub mod process;
mod revocations;
mod routes;
mod running;
pub mod secrets;
pub mod server;
mod service;
mod signals;
mod spawner;
mod table;
pub mod telemetry;
mod token;

pub use access::Access;
pub use auth_error::AuthError;
pub use authenticator::Authenticator;
pub use body::{BodyTimedOut, broken as broken_body, is_timeout as is_body_timeout};
pub use client_address::{ClientAddress, NoNetwork, TrustedProxy};
pub use extract::{Form, PathId, Query};
pub use face::Face;
pub use issuer::Issuer;
pub use json::Json;
pub use jsonwebtoken::Algorithm;
pub use keys::{KeyFeed, Keys, NoKeys, PublicKey};
pub use principal::{Caller, Principal, Scopes};
pub use problem::{FieldError, Problem, ProblemDocument};
pub use revocations::{RevocationFeed, Revocations};
pub use routes::{Routes, Row};
pub use running::Running;
pub use server::{Quiet, RequestId};
pub use service::{Background, Service, Shutdown};
pub use signals::signals;
pub use spawner::{Spawner, WorkLost};
pub use table::Table;
pub use utoipa_axum::routes;
