//! The workspace as the rules see it: packages from `cargo metadata`, sources as syntax trees.

use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Folders that hold what tools make, not what people write.
const MADE: [&str; 7] = ["target", "node_modules", "dist", "data", ".git", ".cache", ".venv"];

/// A package of the workspace.
#[derive(Debug, Clone, Default)]
pub struct Package {
    /// Its name in the manifest.
    pub name: String,
    /// Its folder, from the workspace's root.
    pub folder: String,
    /// What it depends on, for whatever reason: the name in its code, then the package's own name.
    pub dependencies: BTreeMap<String, String>,
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
    /// What stands in it.
    pub syntax: syn::File,
}

/// The whole workspace, read once and given to every rule.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Every package.
    pub packages: Vec<Package>,
    /// Every Rust file of every package.
    pub sources: Vec<Source>,
    /// Every file and folder, from the workspace's root, with the lines of those that are text.
    pub paths: BTreeMap<String, usize>,
    /// Texts of the manifests and of the files with default settings, by path.
    pub settings: BTreeMap<String, String>,
}

impl Tree {
    /// Reads the workspace that stands in a folder.
    pub fn read(root: &Path) -> Result<Self> {
        let metadata = cargo_metadata::MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo metadata")?;
        let mut tree = Self::default();
        for package in &metadata.packages {
            let folder = package
                .manifest_path
                .parent()
                .context("a manifest stands in a folder")?;
            let folder = folder.strip_prefix(&metadata.workspace_root)?.to_string();
            let dependencies = package
                .dependencies
                .iter()
                .map(|it| (in_code(it.rename.as_deref().unwrap_or(&it.name)), it.name.clone()));
            tree.packages.push(Package {
                name: package.name.to_string(),
                folder,
                dependencies: dependencies.collect(),
            });
        }
        tree.walk(root, "")?;
        Ok(tree)
    }

    /// Adds a package to a tree that is made by hand.
    #[must_use]
    pub fn package(mut self, name: &str, folder: &str, dependencies: &[&str]) -> Self {
        let dependencies = dependencies.iter().map(|it| (in_code(it), (*it).to_owned())).collect();
        self.packages.push(Package {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies,
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

    fn add(&mut self, path: &str, text: &str) -> Result<()> {
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
                syntax,
            });
        } else if path.ends_with("Cargo.toml") || path.ends_with("config/default.toml") {
            self.settings.insert(path.to_owned(), text.to_owned());
        }
        Ok(())
    }

    fn note(&mut self, path: &str, lines: usize) {
        for (at, _) in path.match_indices('/') {
            self.paths.entry(path[..at].to_owned()).or_default();
        }
        self.paths.insert(path.to_owned(), lines);
    }

    fn walk(&mut self, root: &Path, folder: &str) -> Result<()> {
        let mut entries: Vec<_> = fs::read_dir(root.join(folder))?.collect::<Result<_, _>>()?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() {
                name.clone()
            } else {
                format!("{folder}/{name}")
            };
            if entry.file_type()?.is_dir() {
                if !MADE.contains(&name.as_str()) {
                    self.walk(root, &path)?;
                }
            } else {
                match fs::read_to_string(entry.path()) {
                    Ok(text) => self.add(&path, &text)?,
                    Err(_) => self.note(&path, 0),
                }
            }
        }
        Ok(())
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
