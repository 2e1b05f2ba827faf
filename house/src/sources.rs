//! What may be named where inside the packages.

use super::names::{Name, Names};
use super::tiers::{Tier, service_of, tier};
use super::tree::{Source, Tree, in_code};
use std::collections::BTreeSet;

type Found = Vec<(String, String)>;

fn at(path: &str, line: usize) -> String {
    format!("{path}:{line}")
}

fn tier_of(tree: &Tree, package: &str) -> Option<Tier> {
    tier(tree.named(package)?)
}

/// The room of a service's file: the first part of its path under `src`, without `.rs`.
fn room<'a>(tree: &Tree, package: &str, path: &'a str) -> Option<&'a str> {
    let folder = &tree.named(package)?.folder;
    let inside = path.strip_prefix(folder.as_str())?.strip_prefix("/src/")?;
    inside.split('/').next().map(|it| it.trim_end_matches(".rs"))
}

/// Names of a crate that stand where they may not, once a line.
fn misplaced(tree: &Tree, krate: &str, may: impl Fn(&Name) -> bool) -> Found {
    let names = Names::of(tree).all();
    let wrong = names.iter().filter(|it| it.full[0] == krate && !it.test && !may(it));
    let places: BTreeSet<_> = wrong
        .map(|it| (at(&it.path, it.line), format!("names {}", it.full.join("::"))))
        .collect();
    places.into_iter().collect()
}

pub(crate) fn axum(tree: &Tree) -> Found {
    misplaced(tree, "axum", |it| match tier_of(tree, &it.package) {
        Some(Tier::Runtime | Tier::Page | Tier::Root | Tier::Scenarios) => true,
        Some(Tier::Service | Tier::Quizzes) => {
            matches!(
                room(tree, &it.package, &it.path),
                Some("routes" | "middlewares" | "controllers" | "lib")
            )
        }
        // of a role that has routes of its own
        Some(Tier::Worker) => matches!(room(tree, &it.package, &it.path), Some("routes" | "controllers")),
        _ => false,
    })
}

pub(crate) fn sqlx(tree: &Tree) -> Found {
    misplaced(tree, "sqlx", |it| match tier_of(tree, &it.package) {
        Some(Tier::Backing) => true,
        Some(Tier::Service | Tier::Renditions | Tier::Quizzes) => {
            room(tree, &it.package, &it.path) == Some("repositories")
        }
        _ => false,
    })
}

/// Whether a full name starts work beside its caller.
fn spawns(full: &[String]) -> bool {
    let parts: Vec<&str> = full.iter().map(String::as_str).collect();
    match parts.as_slice() {
        ["tokio", "spawn" | "main", ..]
        | [
            "tokio",
            "task",
            "spawn" | "spawn_local" | "JoinSet" | "LocalSet" | "Builder",
            ..,
        ]
        | ["tokio", "runtime", "Handle" | "Runtime" | "Builder", ..]
        | ["tokio_util", "task", "TaskTracker" | "JoinMap" | "spawn_pinned", ..]
        | ["std", "thread", "spawn" | "scope" | "Builder", ..] => true,
        [first, .., last] => matches!(*first, "rayon" | "async_std" | "smol") && last.starts_with("spawn"),
        _ => false,
    }
}

fn spawns_blocking(full: &[String]) -> bool {
    full[0] == "tokio"
        && full
            .last()
            .is_some_and(|it| matches!(it.as_str(), "spawn_blocking" | "block_in_place"))
}

pub(crate) fn spawning(tree: &Tree) -> Found {
    let names = Names::of(tree);
    let mut found = BTreeSet::new();
    for it in names.all().iter().filter(|it| !it.test) {
        let tier = tier_of(tree, &it.package);
        // the command line's `main` makes the one runtime
        let main = tier == Some(Tier::Root) && it.path.ends_with("src/main.rs");
        let free = matches!(tier, Some(Tier::Runtime | Tier::Scenarios)) || main;
        let blocks = matches!(
            tier,
            Some(Tier::Backing | Tier::Adapters | Tier::Service | Tier::Worker | Tier::Renditions | Tier::Quizzes)
        );
        if spawns(&it.full) && !free || spawns_blocking(&it.full) && !free && !blocks {
            found.insert((at(&it.path, it.line), format!("starts {}", it.full.join("::"))));
        }
    }
    for page in &names.pages {
        let Source { package, path, .. } = page.source;
        if matches!(tier_of(tree, package), Some(Tier::Runtime | Tier::Scenarios)) || names.test_page(page) {
            continue;
        }
        for (line, _) in page.said.spawns.iter().filter(|(_, test)| !test) {
            found.insert((at(path, *line), "starts a task by a method".to_owned()));
        }
    }
    found.into_iter().collect()
}

/// How high a room of a service stands; rooms beside the ladder have no height.
fn height(room: &str) -> Option<u8> {
    Some(match room {
        "routes" => 5,
        "controllers" | "subscribers" | "jobs" => 4,
        "middlewares" => 3,
        "services" => 2,
        "repositories" => 1,
        "models" => 0,
        _ => return None,
    })
}

pub(crate) fn inside(tree: &Tree) -> Found {
    let mut found = BTreeSet::new();
    for it in Names::of(tree).all().iter().filter(|it| !it.test) {
        let in_service = tree.named(&it.package).is_some_and(|it| service_of(it).is_some());
        if !in_service || it.full[0] != in_code(&it.package) {
            continue;
        }
        let (Some(here), Some(there)) = (room(tree, &it.package, &it.path), it.full.get(1)) else {
            continue;
        };
        let up = height(here)
            .zip(height(there))
            .is_some_and(|(from, to)| to > from || to == from && here != there);
        if up {
            found.insert((
                at(&it.path, it.line),
                format!("{here} names {}", it.full[1..].join("::")),
            ));
        }
    }
    found.into_iter().collect()
}

/// Addresses are known at the door: what stands below it gives ids, keys and tokens.
pub(crate) fn addresses(tree: &Tree) -> Found {
    let names = Names::of(tree);
    let mut found = Found::new();
    for page in names.pages.iter().filter(|it| !names.test_page(it)) {
        let Source { package, path, .. } = page.source;
        let below = matches!(room(tree, package, path), Some("services" | "repositories"));
        if !below || tier_of(tree, package) != Some(Tier::Service) {
            continue;
        }
        let texts = page.said.texts.iter();
        let built = texts.filter(|(_, text)| text.contains("/api/") || text.contains("://"));
        found.extend(built.map(|(line, text)| (at(path, *line), format!("builds the address {text:?}"))));
    }
    found
}

/// What does I/O, waits or reads a clock, for crates that do none of it.
fn acts(full: &[String]) -> bool {
    let parts: Vec<&str> = full.iter().map(String::as_str).collect();
    match parts.as_slice() {
        // an address alone is data
        ["std", "net", "IpAddr" | "Ipv4Addr" | "Ipv6Addr", ..] => false,
        ["std", "fs" | "net" | "env" | "process" | "thread" | "os", ..]
        | ["std", "time", "Instant" | "SystemTime", "now" | "elapsed", ..]
        | ["std", "io", "stdin" | "stdout" | "stderr", ..] => true,
        [first, ..] => matches!(
            *first,
            "tokio" | "axum" | "hyper" | "reqwest" | "sqlx" | "object_store" | "config" | "rustix" | "futures"
        ),
        [] => false,
    }
}

pub(crate) fn pure(tree: &Tree) -> Found {
    let names = Names::of(tree);
    let pure = |package: &str| matches!(tier_of(tree, package), Some(Tier::Media | Tier::Contracts));
    let mut found = BTreeSet::new();
    for it in names
        .all()
        .iter()
        .filter(|it| !it.test && pure(&it.package) && acts(&it.full))
    {
        found.insert((at(&it.path, it.line), format!("names {}", it.full.join("::"))));
    }
    let media = |package: &str| tier_of(tree, package) == Some(Tier::Media);
    for page in names
        .pages
        .iter()
        .filter(|it| media(&it.source.package) && !names.test_page(it))
    {
        for line in &page.said.waits {
            found.insert((at(&page.source.path, *line), "is async".to_owned()));
        }
    }
    found.into_iter().collect()
}

pub(crate) fn moved(tree: &Tree) -> Found {
    let names = Names::of(tree);
    let pages = names.pages.iter();
    pages
        .flat_map(|page| page.said.moved.iter().map(|line| at(&page.source.path, *line)))
        .map(|place| (place, "gives a module another file by #[path]".to_owned()))
        .collect()
}
