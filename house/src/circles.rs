//! No circle of imports, neither between files nor between the folders that hold them; a file and the modules inside it
//! are one subject.

use super::names::{Names, Page};
use super::tree::Tree;
use std::collections::{BTreeMap, BTreeSet};

type Found = Vec<(String, String)>;

/// A module with all that stands below it, from its crate's name on.
type Module = Vec<String>;

/// What names what, with the line that does.
type Edges = BTreeMap<Module, BTreeMap<Module, String>>;

/// Which modules of one parent name each other.
///
/// A module counts with everything below it, so that a circle can't hide in a child. A module and its own children are
/// one subject: what they name of each other is no circle.
fn edges(names: &Names<'_>) -> Edges {
    let files: BTreeSet<Module> = names.pages.iter().map(Page::module).collect();
    let mut edges = Edges::new();
    for name in names.all().iter().filter(|it| !it.test) {
        let there = (1..=name.full.len()).rev().map(|end| &name.full[..end]);
        let Some(there) = there.into_iter().find(|it| files.contains(*it)) else {
            continue;
        };
        let here = &name.module;
        let Some(apart) = here.iter().zip(there).position(|(one, other)| one != other) else {
            continue;
        };
        if apart > 0 {
            let evidence = format!("{}:{}", name.path, name.line);
            let of = edges.entry(here[..=apart].to_vec()).or_default();
            of.entry(there[..=apart].to_vec()).or_insert(evidence);
        }
    }
    edges
}

/// The shortest way from one place to another.
fn way(edges: &Edges, from: &Module, to: &Module) -> Option<Vec<Module>> {
    let mut ways = vec![vec![from.clone()]];
    let mut seen = BTreeSet::from([from.clone()]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in ways {
            for next in way
                .last()
                .and_then(|last| edges.get(last))
                .into_iter()
                .flat_map(BTreeMap::keys)
            {
                let on = [way.as_slice(), std::slice::from_ref(next)].concat();
                if next == to {
                    return Some(on);
                }
                if seen.insert(next.clone()) {
                    longer.push(on);
                }
            }
        }
        ways = longer;
    }
    None
}

pub(crate) fn circles(tree: &Tree) -> Found {
    let edges = edges(&Names::of(tree));
    let mut found = BTreeMap::new();
    for from in edges.keys() {
        let Some(way) = way(&edges, from, from) else {
            continue;
        };
        let members: BTreeSet<Module> = way.iter().cloned().collect();
        let steps: Vec<_> = way
            .windows(2)
            .map(|pair| {
                let line = edges.get(&pair[0]).and_then(|it| it.get(&pair[1]));
                format!("{} at {}", pair[1].join("::"), line.map_or("", String::as_str))
            })
            .collect();
        found
            .entry(members)
            .or_insert_with(|| (from.join("::"), format!("names {}", steps.join(", which names "))));
    }
    found.into_values().collect()
}
