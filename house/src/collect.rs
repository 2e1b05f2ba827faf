//! Walks one file's syntax tree and notes what it names, imports and starts.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::ops::RangeInclusive;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A path as it is written, with the module it is written in.
#[derive(Debug, Clone)]
pub(crate) struct Mention {
    pub(crate) module: Vec<String>,
    pub(crate) segments: Vec<String>,
    /// Written with leading colons: begins with a crate's name for certain.
    pub(crate) rooted: bool,
    pub(crate) glob: bool,
    pub(crate) line: usize,
    pub(crate) test: bool,
}

/// A name that a module gets from elsewhere.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    pub(crate) module: Vec<String>,
    pub(crate) name: String,
    pub(crate) target: Vec<String>,
    pub(crate) rooted: bool,
}

/// What one file says.
#[derive(Debug, Default)]
pub(crate) struct Said {
    pub(crate) mentions: Vec<Mention>,
    pub(crate) imports: Vec<Import>,
    pub(crate) modules: Vec<Vec<String>>,
    /// Modules that are there for tests alone, also those in files of their own.
    pub(crate) test_modules: Vec<Vec<String>>,
    /// Calls of a method named like `spawn` with something to run, by line.
    pub(crate) spawns: Vec<(usize, bool)>,
    /// `async` functions and blocks, by line.
    pub(crate) waits: Vec<usize>,
    /// `#[path]` attributes, by line.
    pub(crate) moved: Vec<usize>,
    /// Text that stands in the code, by line; not what is there for tests alone.
    pub(crate) texts: Vec<(usize, String)>,
}

/// Collects what a file says, whose module path is given.
pub(crate) fn collect(file: &syn::File, module: Vec<String>, test: bool) -> Said {
    let mut walk = Walk {
        module,
        test,
        said: Said::default(),
    };
    walk.said.modules.push(walk.module.clone());
    if test {
        walk.said.test_modules.push(walk.module.clone());
    }
    walk.visit_file(file);
    walk.said
}

struct Walk {
    module: Vec<String>,
    test: bool,
    said: Said,
}

impl Walk {
    fn mention(&mut self, segments: Vec<String>, rooted: bool, glob: bool, line: usize) {
        let (module, test) = (self.module.clone(), self.test);
        self.said.mentions.push(Mention {
            module,
            segments,
            rooted,
            glob,
            line,
            test,
        });
    }

    fn import(&mut self, name: String, target: Vec<String>, rooted: bool) {
        let module = self.module.clone();
        self.said.imports.push(Import {
            module,
            name,
            target,
            rooted,
        });
    }

    fn use_tree(&mut self, tree: &syn::UseTree, before: &[String], rooted: bool, line: usize) {
        let with = |last: String| before.iter().cloned().chain([last]).collect::<Vec<_>>();
        match tree {
            syn::UseTree::Path(it) => self.use_tree(&it.tree, &with(it.ident.to_string()), rooted, line),
            syn::UseTree::Name(it) => self.leaf(before, &it.ident.to_string(), None, rooted, line),
            syn::UseTree::Rename(it) => {
                self.leaf(before, &it.ident.to_string(), Some(it.rename.to_string()), rooted, line);
            }
            syn::UseTree::Glob(_) => self.mention(before.to_vec(), rooted, true, line),
            syn::UseTree::Group(group) => {
                for it in &group.items {
                    self.use_tree(it, before, rooted, line);
                }
            }
        }
    }

    fn leaf(&mut self, before: &[String], last: &str, rename: Option<String>, rooted: bool, line: usize) {
        // `use a::{self}` brings `a` itself
        let itself = last == "self" && !before.is_empty();
        let target: Vec<String> = before
            .iter()
            .cloned()
            .chain((!itself).then(|| last.to_owned()))
            .collect();
        let name = rename.or_else(|| target.last().cloned()).unwrap_or_default();
        self.mention(target.clone(), rooted, false, line);
        self.import(name, target, rooted);
    }

    fn tokens(&mut self, stream: TokenStream) {
        let tokens: Vec<TokenTree> = stream.into_iter().collect();
        let colon = |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == ':');
        let colons = |at: usize| colon(at) && colon(at + 1);
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    at += 1;
                }
                TokenTree::Ident(first) => {
                    let line = first.span().start().line;
                    let rooted = at >= 2 && colons(at - 2);
                    let mut segments = vec![first.to_string()];
                    let start = at;
                    at += 1;
                    while colons(at) {
                        let Some(TokenTree::Ident(next)) = tokens.get(at + 2) else {
                            break;
                        };
                        segments.push(next.to_string());
                        at += 3;
                    }
                    self.token_call(&tokens, start, at, &segments);
                    if segments.len() > 1 || rooted {
                        self.mention(segments, rooted, false, line);
                    }
                }
                TokenTree::Literal(literal) => {
                    self.text(&literal.to_string(), literal.span().start().line);
                    at += 1;
                }
                TokenTree::Punct(_) => at += 1,
            }
        }
    }

    fn text(&mut self, text: &str, line: usize) {
        if !self.test {
            self.said.texts.push((line, text.to_owned()));
        }
    }

    /// Sees `.spawn(…)` and `async` inside a macro.
    fn token_call(&mut self, tokens: &[TokenTree], start: usize, end: usize, segments: &[String]) {
        let line = tokens[start].span().start().line;
        let dot = start > 0 && matches!(&tokens[start - 1], TokenTree::Punct(it) if it.as_char() == '.');
        let arguments = matches!(tokens.get(end), Some(TokenTree::Group(it))
            if it.delimiter() == Delimiter::Parenthesis && !it.stream().is_empty());
        if dot && arguments && starts_work(&segments[0]) {
            self.said.spawns.push((line, self.test));
        }
        if segments == ["async"] {
            self.said.waits.push(line);
        }
    }
}

/// Names of methods that put work on a runtime or a thread when given something to run.
fn starts_work(method: &str) -> bool {
    matches!(
        method,
        "spawn" | "spawn_local" | "spawn_on" | "spawn_local_on" | "spawn_pinned"
    )
}

fn for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|it| {
        it.path().is_ident("cfg")
            && it
                .parse_args::<syn::Path>()
                .is_ok_and(|condition| condition.is_ident("test"))
            || it.path().segments.last().is_some_and(|last| last.ident == "test")
    })
}

/// Lines of the items of a file that are there for tests alone.
pub(crate) fn test_lines(file: &syn::File) -> Vec<RangeInclusive<usize>> {
    let tests = file.items.iter().filter(|it| for_tests(attributes(it)));
    tests.map(|it| it.span().start().line..=it.span().end().line).collect()
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Mod(it) => &it.attrs,
        syn::Item::Fn(it) => &it.attrs,
        syn::Item::Use(it) => &it.attrs,
        syn::Item::Impl(it) => &it.attrs,
        syn::Item::Struct(it) => &it.attrs,
        syn::Item::Enum(it) => &it.attrs,
        syn::Item::Trait(it) => &it.attrs,
        syn::Item::Const(it) => &it.attrs,
        syn::Item::Static(it) => &it.attrs,
        syn::Item::Type(it) => &it.attrs,
        syn::Item::Macro(it) => &it.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Walk {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let before = self.test;
        self.test |= for_tests(attributes(item));
        visit::visit_item(self, item);
        self.test = before;
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.module.push(item.ident.to_string());
        if item.content.is_some() {
            self.said.modules.push(self.module.clone());
        }
        if self.test {
            self.said.test_modules.push(self.module.clone());
        }
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        let line = item.use_token.span.start().line;
        self.use_tree(&item.tree, &[], item.leading_colon.is_some(), line);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let target = vec![item.ident.to_string()];
        let name = item
            .rename
            .as_ref()
            .map_or_else(|| item.ident.to_string(), |(_, it)| it.to_string());
        self.mention(target.clone(), true, false, item.ident.span().start().line);
        self.import(name, target, true);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|it| it.ident.to_string()).collect();
        if segments.len() > 1 || path.leading_colon.is_some() {
            let line = path.segments.first().map_or(0, |it| it.ident.span().start().line);
            self.mention(segments, path.leading_colon.is_some(), false, line);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, item: &'ast syn::Macro) {
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("path") {
            self.said.moved.push(attribute.pound_token.span.start().line);
        }
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        if starts_work(&call.method.to_string()) && !call.args.is_empty() {
            self.said.spawns.push((call.method.span().start().line, self.test));
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_lit_str(&mut self, text: &'ast syn::LitStr) {
        self.text(&text.value(), text.span().start().line);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(it) = signature.asyncness {
            self.said.waits.push(it.span.start().line);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, it: &'ast syn::ExprAsync) {
        self.said.waits.push(it.async_token.span.start().line);
        visit::visit_expr_async(self, it);
    }
}
