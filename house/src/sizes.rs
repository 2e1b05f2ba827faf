//! Size budgets: of files one by one, of all files together, of the configuration.

use super::tree::Tree;
use toml::{Table, Value};

type Found = Vec<(String, String)>;

const FILE: usize = 600;
const MEDIAN: usize = 120;
const NINETY: usize = 350;
const KEYS: usize = 60;

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
