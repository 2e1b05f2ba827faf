//! The house's rules hold, and a breach of each of them is found.

use anyhow::{Context, Result, ensure};
use house::{RULES, Tree, breaches};
use std::collections::BTreeSet;
use std::path::Path;

const CONTENT: &str = "content-delivery-service";
const TRANSCODE_SERVICE: &str = "content-delivery-service/src/services/transcode_service.rs";
const USERS: &str = "user-management-service";

#[test]
fn the_house_keeps_its_rules() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .context("the workspace")?;
    let tree = Tree::read(root)?;
    ensure!(tree.names().contains("moocflix"), "the workspace was not read");
    ensure!(tree.sources.len() > 50, "only {} sources were read", tree.sources.len());
    let breaches = breaches(&tree);
    let told: Vec<_> = breaches.iter().map(ToString::to_string).collect();
    ensure!(told.is_empty(), "{} breaches:\n{}", told.len(), told.join("\n"));
    Ok(())
}

#[test]
fn a_sound_house_is_not_faulted() -> Result<()> {
    let breaches = breaches(&house()?);
    ensure!(breaches.is_empty(), "{breaches:?}");
    Ok(())
}

#[test]
fn every_planted_breach_is_found_by_its_rule() -> Result<()> {
    let mut seen = BTreeSet::new();
    for (rule, what, tree) in planted()? {
        let found = breaches(&tree);
        ensure!(
            found.iter().any(|it| it.rule == rule),
            "{what}: {rule:?} did not see it, only {found:?}"
        );
        ensure!(
            found.iter().all(|it| it.rule == rule),
            "{what}: others saw it too: {found:?}"
        );
        seen.insert(rule);
    }
    for rule in RULES {
        ensure!(seen.contains(rule.name), "no breach of {:?} is planted", rule.name);
    }
    Ok(())
}

/// The packages of a sound house: name, folder, what they depend on.
const PACKAGES: [(&str, &str, &[&str]); 12] = [
    (
        "moocflix",
        "moocflix",
        &[
            "axum",
            CONTENT,
            "transcoding-jobs",
            USERS,
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
        &["backing", "contracts", "fmp4"],
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
fn house() -> Result<Tree> {
    let mut tree = Tree::default();
    for (name, folder, dependencies) in PACKAGES {
        tree = tree.package(name, folder, dependencies);
    }
    for service in [CONTENT, USERS] {
        tree = tree.settings(&format!("{service}/config/default.toml"), "[section]\nkey = 1\n");
        for (path, text) in SERVICE {
            tree = tree.file(&format!("{service}/{path}"), text)?;
        }
    }
    for room in ["upload_video", "fetch_video", "stream_video", "delete_video"] {
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

type Plant = (&'static str, &'static str, Tree);

fn planted() -> Result<Vec<Plant>> {
    let mut all = packages()?;
    all.extend(doors()?);
    all.extend(work()?);
    all.extend(ladder()?);
    all.extend(whole()?);
    Ok(all)
}

/// The sound house with one dependency more.
fn with(name: &str, to: &str) -> Result<Tree> {
    let mut tree = house()?;
    let package = tree
        .packages
        .iter_mut()
        .find(|it| it.name == name)
        .context("planted in")?;
    package.dependencies.insert(to.replace('-', "_"), to.to_owned());
    Ok(tree)
}

/// Breaches that dependencies show.
fn packages() -> Result<Vec<Plant>> {
    let up = "arrows point down";
    let apart = "services never name each other";
    let with = |name: &str, to: &str| -> Result<Tree> {
        let mut tree = house()?;
        let package = tree
            .packages
            .iter_mut()
            .find(|it| it.name == name)
            .context("planted in")?;
        package.dependencies.insert(to.replace('-', "_"), to.to_owned());
        Ok(tree)
    };
    let adapters = || house().map(|it| it.package("adapters", "platform/adapters", &["backing", "contracts"]));
    let mut named = adapters()?;
    for package in named
        .packages
        .iter_mut()
        .filter(|it| it.name == CONTENT || it.name == "runtime")
    {
        package.dependencies.insert("renamed".to_owned(), "adapters".to_owned());
    }
    ensure!(breaches(&adapters()?).is_empty(), "adapters may be there");
    Ok(vec![
        (up, "backing names runtime", with("backing", "runtime")?),
        (up, "contracts name backing", with("contracts", "backing")?),
        (up, "runtime names a service", with("runtime", USERS)?),
        (up, "runtime runs foreign programs", with("runtime", "sandbox")?),
        (up, "the sandbox names backing", with("sandbox", "backing")?),
        (up, "media names contracts", with("fmp4", "contracts")?),
        (up, "a service names moocflix", with(USERS, "moocflix")?),
        (up, "the page reads media", with("web", "fmp4")?),
        (up, "the scenarios link a crate in", with("e2e", "contracts")?),
        (apart, "users name content", with(USERS, CONTENT)?),
        (up, "renditions name runtime", with("renditions", "runtime")?),
        (up, "renditions name their service", with("renditions", CONTENT)?),
        (apart, "content names its jobs", with(CONTENT, "transcoding-jobs")?),
        (apart, "users name content's renditions", with(USERS, "renditions")?),
        (apart, "the page names users", with("web", USERS)?),
        (apart, "the jobs name users", with("transcoding-jobs", USERS)?),
        (
            "adapters are named by moocflix alone",
            "a service and runtime name adapters",
            named,
        ),
        (
            "every package has a tier",
            "a package beside the house",
            house()?.package("tools", "platform/tools", &[]),
        ),
    ])
}

/// One file more in the sound house.
fn and(path: &str, text: &str) -> Result<Tree> {
    house()?.file(path, text)
}

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

/// Breaches of who may name what, in all the ways that a name can be written.
fn doors() -> Result<Vec<Plant>> {
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
        and("platform/contracts/src/now.rs", "use std::time::SystemTime;")?,
    ));
    Ok(plants)
}

/// Breaches of where work is started.
fn work() -> Result<Vec<Plant>> {
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

/// Breaches of the order inside a service.
fn ladder() -> Result<Vec<Plant>> {
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
        (
            "files stand where their modules say",
            "a moved file",
            at("models/user", "#[path = \"../x.rs\"] mod x;")?,
        ),
    ])
}

/// Breaches that only the whole shows.
fn whole() -> Result<Vec<Plant>> {
    let lines = |count: usize| "//\n".repeat(count);
    let many = |count: usize, length: usize| {
        (0..count).try_fold(house()?, |it, n| it.file(&format!("web/src/f{n}.rs"), &lines(length)))
    };
    let keys = (0..70).fold(String::new(), |keys, n| format!("{keys}key{n} = {n}\n"));
    let mut missing = house()?;
    missing.paths.remove(TRANSCODE_SERVICE);
    let mut careless = house()?;
    careless
        .settings
        .insert("web/Cargo.toml".to_owned(), "[package]\nname = \"web\"\n".to_owned());
    Ok(vec![
        (
            "files are at most 600 lines",
            "a long file",
            and("web/src/long.rs", &lines(601))?,
        ),
        (
            "files are at most 600 lines",
            "a long page",
            and("web/page/src/App.svelte", &lines(601))?,
        ),
        (
            "half of the files are at most 120 lines",
            "many files of some length",
            many(60, 200)?,
        ),
        (
            "nine files in ten are at most 350 lines",
            "some long files",
            many(8, 500)?,
        ),
        (
            "at most 60 configuration keys",
            "too many keys",
            house()?.settings("moocflix/config/default.toml", &keys),
        ),
        (
            "the workspace's lints hold everywhere",
            "a manifest without lints",
            careless,
        ),
        (
            "rooms have names that say something",
            "a file",
            and("web/src/helpers.rs", "")?,
        ),
        (
            "rooms have names that say something",
            "a folder",
            and("platform/runtime/src/common/it.rs", "")?,
        ),
        (
            "rooms have names that say something",
            "a page's",
            and("web/page/src/utils.ts", "")?,
        ),
        ("the seed's rooms are there", "a missing room", missing),
    ])
}
