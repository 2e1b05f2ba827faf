//! The layer test: the rules of the house, checked on what Cargo says and on the syntax tree.
//!
//! [`Tree::read`] reads the workspace once; each [`Rule`] looks at the tree and returns every
//! [`Breach`]. A tree can also be made by hand, so that a test plants a breach of each rule.

mod builds;
mod cargo;
mod circles;
mod collect;
mod names;
mod places;
mod reading;
mod sizes;
mod sources;
mod tiers;
mod tree;

pub use tree::{Built, Package, Source, Tree};

use std::fmt;

/// One place where a rule is broken.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// The rule's name.
    pub rule: &'static str,
    /// Where: a package, or a path with a line.
    pub place: String,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}: {}", self.rule, self.place, self.what)
    }
}

/// A rule of the house.
#[derive(Clone, Copy)]
pub struct Rule {
    /// What the rule says, in a few words.
    pub name: &'static str,
    /// Finds what breaks it, as place and reason.
    pub find: fn(&Tree) -> Vec<(String, String)>,
}

/// Every rule.
pub const RULES: [Rule; 23] = [
    Rule {
        name: "arrows point down",
        find: tiers::arrows,
    },
    Rule {
        name: "every package has a tier",
        find: tiers::known,
    },
    Rule {
        name: "services never name each other",
        find: tiers::services_apart,
    },
    Rule {
        name: "adapters are named by moocflix alone",
        find: tiers::adapters,
    },
    Rule {
        name: "testing is for tests alone",
        find: tiers::testing,
    },
    Rule {
        name: "media and contracts do no I/O",
        find: sources::pure,
    },
    Rule {
        name: "axum stays at the door",
        find: sources::axum,
    },
    Rule {
        name: "sqlx stays in repositories and backing",
        find: sources::sqlx,
    },
    Rule {
        name: "tasks are spawned in runtime alone",
        find: sources::spawning,
    },
    Rule {
        name: "inside a service arrows point down",
        find: sources::inside,
    },
    Rule {
        name: "no import circle between subjects (a file with the modules inside it)",
        find: circles::circles,
    },
    Rule {
        name: "files stand where their modules say",
        find: sources::moved,
    },
    Rule {
        name: "services build no address",
        find: sources::addresses,
    },
    Rule {
        name: "tests add no feature to what the product uses",
        find: builds::features,
    },
    Rule {
        name: "a room has at most 12 files",
        find: sizes::rooms,
    },
    Rule {
        name: "a service has at most 8,000 lines of code",
        find: sizes::services,
    },
    Rule {
        name: "files are at most 600 lines",
        find: sizes::files,
    },
    Rule {
        name: "half of the files are at most 120 lines",
        find: sizes::median,
    },
    Rule {
        name: "nine files in ten are at most 350 lines",
        find: sizes::ninety,
    },
    Rule {
        name: "at most 120 configuration keys",
        find: sizes::keys,
    },
    Rule {
        name: "the workspace's lints hold everywhere",
        find: places::lints,
    },
    Rule {
        name: "rooms have names that say something",
        find: places::names,
    },
    Rule {
        name: "the seed's rooms are there",
        find: places::seed,
    },
];

/// Everything in a tree that breaks a rule.
#[must_use]
pub fn breaches(tree: &Tree) -> Vec<Breach> {
    let of = |rule: &Rule| {
        let name = rule.name;
        (rule.find)(tree).into_iter().map(move |(place, what)| Breach {
            rule: name,
            place,
            what,
        })
    };
    let mut all: Vec<_> = RULES.iter().flat_map(of).collect();
    all.sort();
    all.dedup();
    all
}
