//! A house with every room and nothing wrong, to plant breaches in.

use super::{CONTENT, COURSES, USERS};
use anyhow::{Context, Result};
use house::Tree;

/// The packages of a sound house: name, folder, what they depend on.
const PACKAGES: [(&str, &str, &[&str]); 14] = [
    (
        "moocflix",
        "moocflix",
        &[
            "axum",
            CONTENT,
            "transcoding-jobs",
            USERS,
            COURSES,
            "web",
            "runtime",
            "sandbox",
            "backing",
        ],
    ),
    (
        CONTENT,
        CONTENT,
        &[
            "renditions",
            "runtime",
            "backing",
            "contracts",
            "fmp4",
            "axum",
            "sqlx",
            "tokio",
        ],
    ),
    (
        "renditions",
        "content-delivery-service/renditions",
        &["backing", "contracts", "fmp4", "sqlx"],
    ),
    (
        "transcoding-jobs",
        "content-delivery-service/transcoding-jobs",
        &["renditions", "runtime", "sandbox", "backing", "fmp4", "tokio"],
    ),
    (
        USERS,
        USERS,
        &["runtime", "backing", "contracts", "axum", "sqlx", "tokio"],
    ),
    (
        COURSES,
        COURSES,
        &["runtime", "backing", "contracts", "axum", "sqlx", "tokio"],
    ),
    ("web", "web", &["runtime", "axum", "tokio"]),
    (
        "runtime",
        "platform/runtime",
        &["backing", "contracts", "axum", "tokio"],
    ),
    ("sandbox", "platform/sandbox", &["rustix", "tokio"]),
    ("backing", "platform/backing", &["contracts", "sqlx", "tokio"]),
    ("contracts", "platform/contracts", &["serde"]),
    ("fmp4", "media/fmp4", &["bytes"]),
    (
        "testing",
        "platform/testing",
        &["runtime", "backing", "contracts", "sqlx"],
    ),
    ("e2e", "e2e", &["tokio", "reqwest"]),
];

/// Files of a sound house that name and start what they may.
const FILES: [(&str, &str); 8] = [
    ("run", "#!/bin/sh"),
    ("test", "#!/bin/sh"),
    (
        "moocflix/src/roles.rs",
        "use axum::Router; fn run() { let axum = 1; child.spawn(); }",
    ),
    ("moocflix/src/compose.rs", "use axum::Router;"),
    ("moocflix/src/commands/serve.rs", "use axum::Router;"),
    (
        "platform/runtime/src/lib.rs",
        "pub use axum::Router; pub async fn go() { tokio::spawn(async {}); }",
    ),
    (
        "platform/backing/src/lib.rs",
        "pub use sqlx::Pool; async fn r() { tokio::task::spawn_blocking(f); }",
    ),
    (
        "media/fmp4/src/lib.rs",
        "pub fn scan(bytes: &[u8]) -> std::io::Result<()> { Ok(()) }",
    ),
];

/// Files of each sound service.
const SERVICE: [(&str, &str); 9] = [
    ("migrations/sqlite/1.sql", "-"),
    ("migrations/postgres/1.sql", "-"),
    ("tests/api/main.txt", "-"),
    ("src/models.rs", "//! A room."),
    ("src/services.rs", "use crate::{models, repositories::rows};"),
    ("src/controllers/errors.rs", "use crate::services; use axum::Json;"),
    ("src/routes.rs", "use axum::Router; use crate::controllers::errors;"),
    ("src/lib.rs", "mod routes; pub use axum::Router as Door;"),
    (
        "src/repositories.rs",
        "use crate::models; pub(crate) fn all() { sqlx::query(\"SELECT 1\"); }",
    ),
];

/// A house with every room and nothing wrong.
pub(super) fn house() -> Result<Tree> {
    let mut tree = Tree::default();
    for (name, folder, dependencies) in PACKAGES {
        tree = tree.package(name, folder, dependencies);
    }
    for service in [CONTENT, USERS, COURSES] {
        tree = tree.settings(&format!("{service}/config/default.toml"), "[section]\nkey = 1\n");
        for (path, text) in SERVICE {
            tree = tree.file(&format!("{service}/{path}"), text)?;
        }
    }
    for room in [
        "uploads/upload_video",
        "videos/fetch_video",
        "playback/stream_video",
        "videos/delete_video",
    ] {
        tree = tree.file(&format!("{CONTENT}/src/controllers/{room}.rs"), "use axum::Json;")?;
    }
    for room in ["upload", "transcode", "stream"] {
        tree = tree.file(&format!("{CONTENT}/src/services/{room}_service.rs"), "use backing::Db;")?;
    }
    for room in ["upload", "stream"] {
        tree = tree.file(
            &format!("{CONTENT}/src/middlewares/validate_{room}.rs"),
            "use axum::Json;",
        )?;
    }
    for (path, text) in FILES {
        tree = tree.file(path, text)?;
    }
    Ok(tree)
}

/// The sound house with one dependency more.
pub(super) fn with(name: &str, to: &str) -> Result<Tree> {
    depends(house()?, name, to, true)
}

/// The sound house with one dependency more that tests alone need.
pub(super) fn with_for_tests(name: &str, to: &str) -> Result<Tree> {
    depends(house()?, name, to, false)
}

pub(super) fn depends(mut tree: Tree, name: &str, to: &str, in_product: bool) -> Result<Tree> {
    let package = tree.packages.iter_mut().find(|it| it.name == name);
    let package = package.context("planted in")?;
    package.dependencies.insert(to.replace('-', "_"), to.to_owned());
    if in_product {
        package.in_product.insert(to.to_owned());
    }
    Ok(tree)
}

/// One file more in the sound house.
pub(super) fn and(path: &str, text: &str) -> Result<Tree> {
    house()?.file(path, text)
}
