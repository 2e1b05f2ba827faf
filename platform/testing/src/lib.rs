//! Helpers for the tests of several crates, which use this crate only as a dev-dependency.
//!
//! A test of repositories takes [`databases`]: a fresh one on each engine. A test over HTTP serves its service as a
//! [`Site`] on [`back_ends`] in a folder, makes requests as a [`Person`] whose tokens [`Identity`] signs, and looks at each
//! [`Reply`]; [`Wire`] sends what no client library would send. An object store, a cache or a bus passes its suite from [`suites`].
//!
//! Any failure of a site, a reply or a wire fails the test at once.

mod back_ends;
mod databases;
mod delivery;
mod identity;
mod person;
mod remote_store;
mod reply;
mod signer;
mod site;
pub mod suites;
mod waiting;
mod wire;

pub use back_ends::back_ends;
pub use databases::{POSTGRES, Place, TestDatabase, databases, places};
pub use delivery::deliver;
pub use identity::{AUDIENCE, ISSUER, Identity};
pub use person::Person;
pub use remote_store::RemoteStore;
pub use reply::Reply;
pub use signer::Signer;
pub use site::Site;
pub use waiting::until;
pub use wire::Wire;

use std::fmt::Debug;

/// The value of a result; an error fails the test, as `unwrap` does in the tests themselves.
#[track_caller]
fn sure<T, E: Debug>(result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => unreachable!("{error:?}"),
    }
}
