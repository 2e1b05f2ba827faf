//! The workspace as the rules see it: packages and features from Cargo, sources as syntax trees.

use super::collect::test_lines;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};

/// A package of the workspace.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// Its name in the manifest.
    pub name: String,
    /// Its folder, from the workspace's root.
    pub folder: String,
    /// What it depends on, tests included: the name in its code, then the package's own name.
    pub dependencies: BTreeMap<String, String>,
    /// Names of the packages among them that are no dev-dependencies.
    pub in_product: BTreeSet<String>,
}

/// How a package of the product is built.
#[derive(Debug, Clone, Default)]
pub struct Built {
    /// Its name and version.
    pub package: String,
    /// Its sets of features when the program is built alone.
    pub product: BTreeSet<String>,
    /// Its sets of features when all tests are built, too.
    pub tests: BTreeSet<String>,
}

/// A Rust source file.
#[derive(Debug, Clone)]
pub struct Source {
    /// The package that it belongs to.
    pub package: String,
    /// Its path, from the workspace's root.
    pub path: String,
    /// How many lines it has.
    pub lines: usize,
    /// How many of them are code of the product: no tests, comments, blanks.
    pub code: usize,
    /// What stands in it.
    pub syntax: syn::File,
}

/// The whole workspace, read once and given to every rule.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Every package.
    pub packages: Vec<Package>,
    /// How the packages of the product are built.
    pub builds: Vec<Built>,
    /// Every Rust file of every package.
    pub sources: Vec<Source>,
    /// Every file and folder, from the workspace's root, with the lines of those that are text.
    pub paths: BTreeMap<String, usize>,
    /// Texts of the manifests and of the files with default settings, by path.
    pub settings: BTreeMap<String, String>,
}

impl Tree {
    /// Adds a package to a tree that is made by hand.
    #[must_use]
    pub fn package(mut self, name: &str, folder: &str, dependencies: &[&str]) -> Self {
        self.packages.push(Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            in_product: dependencies.iter().map(|it| (*it).to_owned()).collect(),
            dependencies: dependencies.iter().map(|it| (in_code(it), (*it).to_owned())).collect(),
        });
        let manifest = format!("{folder}/Cargo.toml");
        self.settings(&manifest, "[lints]\nworkspace = true\n")
    }

    /// Adds a file with settings to a tree that is made by hand.
    #[must_use]
    pub fn settings(mut self, path: &str, text: &str) -> Self {
        self.note(path, text.lines().count());
        self.settings.insert(path.to_owned(), text.to_owned());
        self
    }

    /// Adds a file to a tree that is made by hand; Rust files are parsed.
    pub fn file(mut self, path: &str, text: &str) -> Result<Self> {
        self.add(path, text)?;
        Ok(self)
    }

    /// The package that a path lies in: the one with the longest folder.
    fn owner(&self, path: &str) -> Option<&Package> {
        let holds = |it: &&Package| path.strip_prefix(&it.folder).is_some_and(|rest| rest.starts_with('/'));
        self.packages.iter().filter(holds).max_by_key(|it| it.folder.len())
    }

    pub(crate) fn add(&mut self, path: &str, text: &str) -> Result<()> {
        let lines = text.lines().count();
        self.note(path, lines);
        if path.ends_with(".rs")
            && let Some(package) = self.owner(path).map(|it| it.name.clone())
        {
            let syntax = syn::parse_file(text).with_context(|| format!("parse {path}"))?;
            self.sources.push(Source {
                package,
                path: path.to_owned(),
                lines,
                code: code(text, &syntax),
                syntax,
            });
        } else if path.ends_with("Cargo.toml") || path.ends_with("config/default.toml") {
            self.settings.insert(path.to_owned(), text.to_owned());
        }
        Ok(())
    }

    pub(crate) fn note(&mut self, path: &str, lines: usize) {
        for (at, _) in path.match_indices('/') {
            self.paths.entry(path[..at].to_owned()).or_default();
        }
        self.paths.insert(path.to_owned(), lines);
    }

    /// The package of a name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&Package> {
        self.packages.iter().find(|it| it.name == name)
    }

    /// The names of all packages.
    #[must_use]
    pub fn names(&self) -> BTreeSet<&str> {
        self.packages.iter().map(|it| it.name.as_str()).collect()
    }
}

/// A package's name as code writes it.
#[must_use]
pub(crate) fn in_code(name: &str) -> String {
    name.replace('-', "_")
}

/// Lines that are neither blank nor comments nor for tests alone.
fn code(text: &str, syntax: &syn::File) -> usize {
    let tests = test_lines(syntax);
    let lines = (1..).zip(text.lines().map(str::trim));
    lines
        .filter(|(number, line)| {
            !line.is_empty() && !line.starts_with("//") && !tests.iter().any(|test| test.contains(number))
        })
        .count()
}
