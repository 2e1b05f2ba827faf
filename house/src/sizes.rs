//! Size budgets: of files, rooms and services, of all files together, of the configuration.

use super::names::Names;
use super::tiers::{Tier, service_of, tier};
use super::tree::{Package, Source, Tree};
use std::collections::BTreeMap;
use toml::{Table, Value};

type Found = Vec<(String, String)>;

const FILE: usize = 600;
const MEDIAN: usize = 120;
const NINETY: usize = 350;
/// Files of one folder.
const ROOM: usize = 12;
/// Lines of code of one service.
const SERVICE: usize = 8_000;
const KEYS: usize = 120;

pub(crate) fn files(tree: &Tree) -> Found {
    let written = [".rs", ".ts", ".svelte", ".css", ".sh", ".mjs", ".py"];
    let made = |path: &str| path.contains("/generated/") || path.ends_with("schema.d.ts");
    tree.paths
        .iter()
        .filter(|(path, lines)| **lines > FILE && written.iter().any(|it| path.ends_with(it)) && !made(path))
        .map(|(path, lines)| (path.clone(), format!("{lines} lines")))
        .collect()
}

/// Lines of all files that are compiled into a product, in order.
fn lengths(tree: &Tree) -> Vec<usize> {
    let mut lengths: Vec<_> = tree
        .sources
        .iter()
        .filter(|it| it.path.contains("/src/"))
        .map(|it| it.lines)
        .collect();
    lengths.sort_unstable();
    lengths
}

fn share(tree: &Tree, percent: usize, most: usize) -> Found {
    let lengths = lengths(tree);
    let at = (lengths.len() * percent).div_ceil(100).max(1) - 1;
    let over = lengths.get(at).filter(|it| **it > most);
    over.map(|it| ("the workspace".to_owned(), format!("{it} lines at {percent} %")))
        .into_iter()
        .collect()
}

pub(crate) fn median(tree: &Tree) -> Found {
    share(tree, 50, MEDIAN)
}

pub(crate) fn ninety(tree: &Tree) -> Found {
    share(tree, 90, NINETY)
}

/// Folders of a service's or the platform's crates with more files than a room holds, but for `mod.rs`, which lists them.
pub(crate) fn rooms(tree: &Tree) -> Found {
    let mut rooms: BTreeMap<&str, usize> = BTreeMap::new();
    let has_rooms = |it: &Package| service_of(it).is_some() || it.folder.starts_with("platform/");
    let in_room = |it: &&Source| tree.named(&it.package).is_some_and(has_rooms);
    for source in tree.sources.iter().filter(in_room) {
        if let Some((folder, name)) = source.path.rsplit_once('/')
            && format!("{folder}/").contains("/src/")
            && !matches!(name, "mod.rs" | "lib.rs")
        {
            *rooms.entry(folder).or_default() += 1;
        }
    }
    let large = rooms.into_iter().filter(|(_, files)| *files > ROOM);
    large
        .map(|(folder, files)| (folder.to_owned(), format!("{files} files: split it by subject")))
        .collect()
}

/// Services that are too large for one crate, their nested crates not counted.
pub(crate) fn services(tree: &Tree) -> Found {
    let names = Names::of(tree);
    let mut found = Found::new();
    for package in tree.packages.iter().filter(|it| tier(it) == Some(Tier::Service)) {
        let pages = names.pages.iter().filter(|it| it.source.package == package.name);
        let code: usize = pages.filter(|it| !names.test_page(it)).map(|it| it.source.code).sum();
        if code > SERVICE {
            found.push((package.name.clone(), format!("{code} lines of code")));
        }
    }
    found
}

fn leaves(value: &Value) -> usize {
    match value {
        Value::Table(table) => table.values().map(leaves).sum(),
        _ => 1,
    }
}

/// Reads a text of settings as the program itself does.
pub(crate) fn parse(text: &str) -> Result<Value, String> {
    let settings = text.parse::<Table>();
    settings.map(Value::Table).map_err(|error| error.to_string())
}

pub(crate) fn keys(tree: &Tree) -> Found {
    let mut found = Found::new();
    let mut keys = 0;
    for (path, text) in tree
        .settings
        .iter()
        .filter(|(path, _)| path.ends_with("config/default.toml"))
    {
        match parse(text) {
            Ok(table) => keys += leaves(&table),
            Err(error) => found.push((path.clone(), error)),
        }
    }
    if keys > KEYS {
        found.push(("the configuration".to_owned(), format!("{keys} keys")));
    }
    found
}
