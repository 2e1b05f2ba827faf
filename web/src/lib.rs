//! Serves the embedded page.
//!
//! Vite builds `page/` into `page/dist`, with a `.br` and a `.gz` beside each file, and the binary embeds the folder.
//! Each file has its address ([`files`]); every other address that a browser opens gets `index.html`, whose script
//! shows the right page ([`pages`]). Addresses of the API and of the media plane never get the page.

mod encoding;
mod files;
mod pages;
mod policy;

pub use policy::Unnameable;

use axum::Router;
use axum::routing::get;
use http::{HeaderMap, Method, Uri};
use policy::Policy;
use runtime::{Face, Questions, Routes, Service};

/// The service's name: its role.
pub const NAME: &str = "web";

/// The service's description of itself.
pub const FACE: Face = Face {
    name: NAME,
    defaults: "",
    migrations: &[],
    metrics: &[],
    does: "serves the page",
    needs: &["users", "content"],
    asks: &[],
};

/// The service that serves the page; `live` is the address of a node that serves live lectures, if they have some.
///
/// Errors: the address is none that a policy can name
pub fn service(live: Option<&str>) -> Result<Service, Unnameable> {
    let policy = Policy::with(live)?;
    Ok(Service {
        name: NAME,
        routes: Routes::none().around(|router| add(router, policy)),
        questions: Questions::none(),
        tasks: Vec::new(),
    })
}

fn add(router: Router, policy: Policy) -> Router {
    let other = policy.clone();
    router
        .route(
            "/",
            get(move |headers: HeaderMap| async move { pages::index(&policy, &headers) }),
        )
        .route("/assets/{*file}", get(files::asset))
        .route("/favicon.svg", get(files::favicon))
        .fallback(move |method: Method, uri: Uri, headers: HeaderMap| async move {
            pages::any_other(&other, &method, &uri, &headers)
        })
}

#[cfg(test)]
mod tests;
