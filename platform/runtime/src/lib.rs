//! What makes a service a process: HTTP, authentication, supervision, telemetry, configuration.
//!
//! A service hands over a [`Service`]: a URL [`Table`] whose rows carry their policy, and its work in
//! the background. The process (`moocflix`) puts services together, and this crate serves them:
//! connections with limits ([`server`]), a check in front of each row ([`Access`], [`Authenticator`]),
//! refusals as problem documents ([`Problem`]), and one orderly end ([`Shutdown`]).

pub mod accept;
mod access;
mod authenticator;
mod body;
mod caller;
mod client_address;
pub mod conditional;
pub mod config;
mod extract;
mod face;
mod field_errors;
mod guard;
mod json;
mod keys;
mod matched_route;
pub mod metrics;
pub mod multipart;
pub mod openapi;
pub mod page;
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

pub use access::Access;
pub use authenticator::{AuthError, Authenticator};
pub use body::{BodyTimedOut, broken as broken_body, is_timeout as is_body_timeout};
pub use caller::Caller;
pub use client_address::{ClientAddress, NoNetwork, TrustedProxy};
pub use extract::{Form, PathId, Query};
pub use face::Face;
pub use json::Json;
pub use keys::{Keys, PublicKey};
pub use problem::{FieldError, Problem, ProblemDocument};
pub use revocations::{Revocations, Revoked};
pub use routes::{Routes, Row};
pub use running::Running;
pub use server::{Quiet, RequestId};
pub use service::{Background, Service, Shutdown};
pub use signals::signals;
pub use spawner::{Spawner, WorkLost};
pub use table::Table;
pub use utoipa_axum::routes;
