//! Breaches of the order inside a service, and of the rule that no two subjects name each other.

use super::sound::{and, house};
use super::{CIRCLE, Plant};
use anyhow::{Result, ensure};
use house::breaches;

/// Breaches of the order inside a service.
pub(super) fn ladder() -> Result<Vec<Plant>> {
    let inside = "inside a service arrows point down";
    let at = |room: &str, text: &str| and(&format!("user-management-service/src/{room}.rs"), text);
    Ok(vec![
        (
            inside,
            "a model names a repository",
            at("models/user", "use crate::repositories::rows;")?,
        ),
        (
            inside,
            "a repository names a service",
            at("repositories/user_repository", "use crate::services;")?,
        ),
        (
            inside,
            "a service names a controller",
            at("services/account", "fn f() { crate::controllers::errors::f() }")?,
        ),
        (
            inside,
            "a service names a middleware",
            at("services/account", "use super::super::middlewares::check as c;")?,
        ),
        (
            inside,
            "a controller names the routes",
            at("controllers/login", "fn f() { go!(crate::routes::table()); }")?,
        ),
        (
            inside,
            "a service names a job",
            at("services/account", "use crate::{models, jobs::sweep};")?,
        ),
    ])
}

/// Breaches of the order inside a crate of a service, and of what its rooms know of addresses.
pub(super) fn heights() -> Result<Vec<Plant>> {
    let inside = "inside a service arrows point down";
    let at = |room: &str, text: &str| and(&format!("user-management-service/src/{room}.rs"), text);
    Ok(vec![
        (
            inside,
            "a middleware names a controller",
            at("middlewares/check", "use crate::controllers::errors;")?,
        ),
        (
            inside,
            "a controller names a job",
            at("controllers/login", "use crate::jobs::sweep_job;")?,
        ),
        (
            inside,
            "a model of a nested crate names a repository",
            and(
                "content-delivery-service/transcoding-jobs/src/models/plan.rs",
                "use crate::repositories::plans;",
            )?,
        ),
        (
            "services build no address",
            "a service with a path of the API",
            at("services/account", "fn f() { format!(\"/api/v1/users/{id}\"); }")?,
        ),
        (
            "services build no address",
            "a repository with an address",
            at("repositories/rows", "const AT: &str = \"https://mooc.test\";")?,
        ),
        (
            "files stand where their modules say",
            "a moved file",
            at("models/user", "#[path = \"../x.rs\"] mod x;")?,
        ),
    ])
}

/// What is planted, and the files of a crate that do it.
type Planted = (&'static str, &'static [(&'static str, &'static str)]);

const CIRCLES: &[Planted] = &[
    (
        "two files",
        &[
            ("page", "use crate::guard::It;"),
            ("guard", "fn f(it: crate::page::Page) {}"),
        ],
    ),
    (
        "three files",
        &[
            ("page", "use crate::guard::It;"),
            ("guard", "use super::routes::*;"),
            ("routes", "use crate::{page::Page, problem};"),
        ],
    ),
    (
        "a circle by a child module",
        &[
            ("page", "mod cursor;"),
            ("page/cursor", "use crate::guard::It;"),
            ("guard", "use crate::page::Page;"),
        ],
    ),
    (
        "siblings in a folder",
        &[
            ("http/page", "use super::guard::It;"),
            ("http/guard", "use super::page::Page;"),
        ],
    ),
    (
        "a re-export of a module that shares its name with a macro",
        &[
            ("lib", "mod guard; mod routes; pub use {axum::routes, routes::Access};"),
            ("guard", "use crate::Access;"),
            ("routes", "use crate::guard::It;"),
        ],
    ),
];

/// Breaches of the rule that no two subjects (files with the modules inside them) name each other.
pub(super) fn circles() -> Result<Vec<Plant>> {
    let at = |files: &[(&str, &str)]| {
        files.iter().try_fold(house()?, |it, (path, text)| {
            it.file(&format!("platform/runtime/src/{path}.rs"), text)
        })
    };
    let one_subject = at(&[
        ("page", "mod cursor; use cursor::Cursor; pub struct Limit;"),
        ("page/cursor", "use super::Limit; pub struct Cursor;"),
    ])?;
    ensure!(
        breaches(&one_subject).is_empty(),
        "a file and its child are one subject"
    );
    let tests = at(&[
        ("page", "pub struct Page;"),
        ("guard", "use crate::page::Page;"),
        ("page/tests", "use crate::guard::It;"),
    ]);
    let tests = tests?.file("platform/runtime/src/lib.rs", "mod page; mod guard;")?;
    let declared = tests
        .clone()
        .file("platform/runtime/src/page.rs", "#[cfg(test)] mod tests;")?;
    ensure!(!breaches(&tests).is_empty(), "what is no test counts");
    ensure!(breaches(&declared).is_empty(), "tests may name what names them");
    let plant = |(what, files): &Planted| Ok((CIRCLE, *what, at(files)?));
    CIRCLES.iter().map(plant).collect()
}
