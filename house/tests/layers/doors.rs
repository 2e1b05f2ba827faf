//! Breaches of who may name what and start what, in all the ways that it can be written.

use super::Plant;
use super::sound::{and, with};
use anyhow::{Result, ensure};
use house::breaches;

/// Every way to name a crate.
const NAMED: [(&str, &str); 21] = [
    ("a plain use", "use axum::Router;"),
    ("a use with a rename", "use axum as door;"),
    (
        "a use of itself in a group",
        "use axum::{self, http::{StatusCode as Status}};",
    ),
    ("a nested group", "use {std::fmt, axum::{extract::{Path}}};"),
    ("a glob", "use axum::extract::*;"),
    ("a rooted use", "use ::axum::Router;"),
    ("a use inside a function", "fn f() { use axum::Json; }"),
    ("a public use", "pub(crate) use axum::Json;"),
    ("extern crate", "extern crate axum as door;"),
    ("a path in an expression", "fn f() { let it = axum::Router::new(); }"),
    ("a path in a type", "struct It(axum::Router);"),
    ("a path in a bound", "fn f<T: axum::extract::FromRequest>() {}"),
    (
        "a path in a trait's name",
        "impl axum::response::IntoResponse for It {}",
    ),
    ("an attribute", "#[axum::debug_handler] fn f() {}"),
    ("a derive", "#[derive(axum::extract::FromRef)] struct It;"),
    ("a macro's tokens", "fn f() { vec![wrap({ axum::Router::new() })]; }"),
    (
        "a macro's rule",
        "macro_rules! door { () => { ::axum::Router::new() } }",
    ),
    ("a re-export of another package", "use runtime::Router;"),
    ("a path through a re-export", "fn f(it: runtime::Router) {}"),
    ("a re-export of one's own crate", "fn f(it: crate::Door) {}"),
    ("a path by super", "fn f(it: super::super::Door) {}"),
];

const CLOCK: &str = "fn f() { let it = std::time::Instant::now(); }";

/// Breaches of who may name what, in all the ways that a name can be written.
pub(super) fn doors() -> Result<Vec<Plant>> {
    let axum = "axum stays at the door";
    let sqlx = "sqlx stays in repositories and backing";
    let pure = "media and contracts do no I/O";
    let service = "content-delivery-service/src/services/video_service.rs";
    let model = "user-management-service/src/models/user.rs";
    let mut plants = Vec::new();
    for (what, text) in NAMED {
        plants.push((axum, what, and(service, text)?));
    }
    plants.push((
        axum,
        "backing names axum",
        with("backing", "axum")?.file("platform/backing/src/bus.rs", "use axum::Router;")?,
    ));
    plants.push((
        axum,
        "the jobs name axum",
        with("transcoding-jobs", "axum")?.file(
            "content-delivery-service/transcoding-jobs/src/lib.rs",
            "use axum::Router;",
        )?,
    ));
    plants.push((
        sqlx,
        "a service with SQL",
        and(service, "fn f() { sqlx::query(\"\"); }")?,
    ));
    plants.push((
        sqlx,
        "a model with a derive",
        and(model, "#[derive(sqlx::FromRow)] struct It;")?,
    ));
    plants.push((sqlx, "through backing", and(model, "use backing::Pool as It;")?));
    plants.push((
        sqlx,
        "moocflix with SQL",
        with("moocflix", "sqlx")?.file("moocflix/src/main.rs", "use sqlx::Row;")?,
    ));
    plants.push((
        pure,
        "media opens a file",
        and("media/fmp4/src/open.rs", "fn f() { std::fs::File::open(\"\"); }")?,
    ));
    plants.push((pure, "media waits", and("media/fmp4/src/wait.rs", "async fn f() {}")?));
    plants.push((
        pure,
        "contracts read a clock",
        and(
            "platform/contracts/src/now.rs",
            "use std::time::SystemTime; fn f() { SystemTime::now(); }",
        )?,
    ));
    plants.push((pure, "media reads a clock", and("media/fmp4/src/now.rs", CLOCK)?));
    Ok(plants)
}

/// Breaches of where work is started.
pub(super) fn work() -> Result<Vec<Plant>> {
    let spawning = "tasks are spawned in runtime alone";
    let job = "content-delivery-service/src/jobs/sweep_job.rs";
    let mut plants = Vec::new();
    for (what, text) in [
        ("tokio::spawn", "fn f() { tokio::spawn(async {}); }"),
        ("an imported spawn", "use tokio::task::spawn as go;"),
        ("a join set", "use tokio::task::{JoinSet};"),
        ("a handle's method", "fn f() { handle.spawn(async {}); }"),
        ("a method in a macro", "fn f() { join!(handle.spawn(work())); }"),
        ("a thread", "fn f() { std::thread::spawn(|| ()); }"),
        (
            "a thread by its module",
            "use std::thread; fn f() { thread::spawn(|| ()); }",
        ),
        ("a runtime of its own", "fn f() { tokio::runtime::Runtime::new(); }"),
    ] {
        plants.push((spawning, what, and(job, text)?));
    }
    let blocking = "fn f() { tokio::task::spawn_blocking(|| ()); }";
    plants.push((spawning, "the page blocks a thread", and("web/src/lib.rs", blocking)?));
    let text = "#[cfg(test)] mod tests { fn f() { tokio::spawn(async {}); } }";
    ensure!(breaches(&and(job, text)?).is_empty(), "tests may spawn");
    Ok(plants)
}
