//! Serves the embedded page.
//!
//! Vite builds `page/` into `page/dist`, with a `.br` and a `.gz` beside each file, and the binary embeds the folder.
//! Each file has its address ([`files`]); every other address that a browser opens gets `index.html`, whose script
//! shows the right page ([`pages`]). Addresses of the API and of the media plane never get the page.

mod encoding;
mod files;
mod pages;

use axum::Router;
use axum::routing::get;
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

/// The service that serves the page.
#[must_use]
pub fn service() -> Service {
    Service {
        name: NAME,
        routes: Routes::none().around(add),
        questions: Questions::none(),
        tasks: Vec::new(),
    }
}

fn add(router: Router) -> Router {
    router
        .route("/", get(pages::index))
        .route("/assets/{*file}", get(files::asset))
        .route("/favicon.svg", get(files::favicon))
        .fallback(pages::any_other)
}

#[cfg(test)]
mod tests;
