//! Turns what the files write into what they mean: every path from its crate's name on, through
//! `use` in all its forms, renames and re-exports, also those of other packages.

use super::collect::{Import, Mention, Said, collect};
use super::tree::{Source, Tree, in_code};
use std::collections::{BTreeMap, BTreeSet};

/// How many re-exports are followed for one path; more would be a circle.
const HOPS: usize = 16;

/// A name in full, and where it is written.
#[derive(Debug, Clone)]
pub(crate) struct Name {
    pub(crate) package: String,
    pub(crate) path: String,
    /// The module of the file that it is written in, from its crate on.
    pub(crate) module: Vec<String>,
    pub(crate) line: usize,
    /// Written for tests alone.
    pub(crate) test: bool,
    /// From the crate's name (as in code) on.
    pub(crate) full: Vec<String>,
}

/// What one file says, with its place.
pub(crate) struct Page<'a> {
    pub(crate) source: &'a Source,
    pub(crate) said: Said,
    /// The crate that it is compiled in: the package, or a test of its own.
    krate: String,
}

impl Page<'_> {
    /// The module of the file, from its crate on.
    pub(crate) fn module(&self) -> Vec<String> {
        let module = self.said.modules.first().map_or(&[][..], Vec::as_slice);
        [std::slice::from_ref(&self.krate), module].concat()
    }
}

/// All files of a tree with the means to resolve their names.
pub(crate) struct Names<'a> {
    tree: &'a Tree,
    pub(crate) pages: Vec<Page<'a>>,
    modules: BTreeSet<(String, Vec<String>)>,
    imports: BTreeMap<(String, Vec<String>), Vec<Import>>,
    test_modules: BTreeSet<(String, Vec<String>)>,
}

impl<'a> Names<'a> {
    pub(crate) fn of(tree: &'a Tree) -> Self {
        let mut names = Self {
            tree,
            pages: Vec::new(),
            modules: BTreeSet::new(),
            imports: BTreeMap::new(),
            test_modules: BTreeSet::new(),
        };
        for source in &tree.sources {
            let (krate, module, test) = place(tree, source);
            let said = collect(&source.syntax, module, test);
            for it in &said.modules {
                names.modules.insert((krate.clone(), it.clone()));
            }
            for it in &said.test_modules {
                names.test_modules.insert((krate.clone(), it.clone()));
            }
            for it in &said.imports {
                names
                    .imports
                    .entry((krate.clone(), it.module.clone()))
                    .or_default()
                    .push(it.clone());
            }
            names.pages.push(Page { source, said, krate });
        }
        names
    }

    /// Every name of the workspace that could be resolved to a crate.
    pub(crate) fn all(&self) -> Vec<Name> {
        let mut all = Vec::new();
        for page in &self.pages {
            for mention in &page.said.mentions {
                let test = mention.test || self.for_tests(&page.krate, &mention.module);
                for full in self.meanings(page, mention) {
                    all.push(Name {
                        package: page.source.package.clone(),
                        path: page.source.path.clone(),
                        module: page.module(),
                        line: mention.line,
                        test,
                        full,
                    });
                }
            }
        }
        all
    }

    /// Whether a module, or one that holds it, is there for tests alone.
    pub(crate) fn for_tests(&self, krate: &str, module: &[String]) -> bool {
        (0..=module.len()).any(|end| self.test_modules.contains(&(krate.to_owned(), module[..end].to_vec())))
    }

    /// Whether a page as a whole is there for tests alone.
    pub(crate) fn test_page(&self, page: &Page<'_>) -> bool {
        page.krate.contains('/')
            || page
                .said
                .modules
                .first()
                .is_some_and(|it| self.for_tests(&page.krate, it))
    }

    fn meanings(&self, page: &Page<'_>, mention: &Mention) -> Vec<Vec<String>> {
        let at = (page.krate.clone(), mention.module.clone());
        let Some(full) = self.resolve(&at, &mention.segments, mention.rooted, HOPS) else {
            return Vec::new();
        };
        let mut meanings = vec![full.clone()];
        if mention.glob {
            // a glob names everything that the module itself got from elsewhere
            let module = (full[0].clone(), full[1..].to_vec());
            for it in self.imports.get(&module).into_iter().flatten() {
                meanings.extend(self.resolve(&module, &it.target, it.rooted, HOPS));
            }
        }
        meanings
    }

    /// The path from its crate's name on, or nothing for a name of the language or of this module.
    fn resolve(
        &self,
        at: &(String, Vec<String>),
        segments: &[String],
        rooted: bool,
        hops: usize,
    ) -> Option<Vec<String>> {
        let hops = hops.checked_sub(1)?;
        let (krate, module) = at;
        let (first, rest) = segments.split_first()?;
        let join = |module: &[String], rest: &[String]| -> Vec<String> {
            [std::slice::from_ref(krate), module, rest].concat()
        };
        if rooted {
            return Some(self.through(self.outside(krate, first)?, rest, hops));
        }
        match first.as_str() {
            "crate" => return Some(self.follow(join(&[], rest), hops)),
            "self" => return Some(self.follow(join(module, rest), hops)),
            "super" => {
                let ups = segments.iter().take_while(|it| *it == "super").count();
                let kept = module.len().checked_sub(ups)?;
                return Some(self.follow(join(&module[..kept], &segments[ups..]), hops));
            }
            _ => {}
        }
        // before imports: a name that is both a module and imported, such as a macro, leads on only as the module
        let child = (krate.clone(), [module.as_slice(), std::slice::from_ref(first)].concat());
        if self.modules.contains(&child) && (!rest.is_empty() || self.imported(at, first).is_none()) {
            return Some(self.follow(join(module, segments), hops));
        }
        if let Some(import) = self.imported(at, first) {
            // `use axum;` and `use axum as axum;` import a name from itself
            let itself = import.target == [first.clone()];
            if !itself {
                let mut target = self.resolve(at, &import.target, import.rooted, hops)?;
                target.extend_from_slice(rest);
                return Some(self.follow(target, hops));
            }
        }
        Some(self.through(self.outside(krate, first)?, rest, hops))
    }

    fn through(&self, krate: String, rest: &[String], hops: usize) -> Vec<String> {
        self.follow([&[krate], rest].concat(), hops)
    }

    /// Follows re-exports: the longest run of modules, then the name that was imported there.
    fn follow(&self, full: Vec<String>, hops: usize) -> Vec<String> {
        let mut at = (full[0].clone(), Vec::new());
        for (index, segment) in full.iter().enumerate().skip(1) {
            let deeper = (at.0.clone(), [at.1.as_slice(), std::slice::from_ref(segment)].concat());
            if self.modules.contains(&deeper) {
                at = deeper;
                continue;
            }
            let Some(import) = self.imported(&at, segment) else {
                break;
            };
            let Some(mut target) = self.resolve(&at, &import.target, import.rooted, hops) else {
                break;
            };
            target.extend_from_slice(&full[index + 1..]);
            return target;
        }
        full
    }

    fn imported(&self, at: &(String, Vec<String>), name: &str) -> Option<&Import> {
        self.imports.get(at)?.iter().find(|it| it.name == name)
    }

    /// The crate that a name stands for outside of the crate that writes it.
    fn outside(&self, krate: &str, name: &str) -> Option<String> {
        if matches!(name, "std" | "core" | "alloc") {
            return Some(name.to_owned());
        }
        let own = krate.split('/').next().unwrap_or(krate);
        let package = self.tree.packages.iter().find(|it| in_code(&it.name) == own)?;
        if in_code(&package.name) == name {
            return Some(name.to_owned());
        }
        package.dependencies.get(name).map(|it| in_code(it))
    }
}

/// The crate that a file is compiled in, its module path there, and whether it is a test's.
fn place(tree: &Tree, source: &Source) -> (String, Vec<String>, bool) {
    let package = in_code(&source.package);
    let folder = tree.named(&source.package).map_or("", |it| it.folder.as_str());
    let inside = source
        .path
        .strip_prefix(folder)
        .unwrap_or(&source.path)
        .trim_start_matches('/');
    let Some(module) = inside.strip_prefix("src/") else {
        return (format!("{package}/{inside}"), Vec::new(), inside != "build.rs");
    };
    let parts: Vec<&str> = module.trim_end_matches(".rs").split('/').collect();
    let parts = match parts.as_slice() {
        ["lib" | "main"] => &[][..],
        [before @ .., "mod"] => before,
        all => all,
    };
    let test = folder == "platform/testing";
    (package, parts.iter().map(|it| (*it).to_owned()).collect(), test)
}
