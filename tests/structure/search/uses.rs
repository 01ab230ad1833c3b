//! Which file of a crate uses which, as far as paths show it: `use`, and paths in code.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, Macro, Path, UseTree, VisRestricted, Visibility};

use crate::graph::Graph;
use crate::search::macros::expressions;
use crate::search::source::{CrateSource, Module};

/// Re-exports are followed this many times from one path.
const REEXPORTS_FOLLOWED_MAX: usize = 8;

/// The modules of a crate, and which others each uses. A path through a re-export leads to the
/// module that has the item.
pub(crate) fn uses_in(source: &CrateSource) -> Graph {
    let names = Names::of(source);
    let mut uses = Graph::default();
    for module in &source.modules {
        for path in paths_in(module, &names) {
            if let Some(used) = names.module_of(&path) {
                uses.add(shown(&module.name), shown(&used), &path.join("::"));
            }
        }
    }
    uses
}

/// A module's name for people: the root has one, too.
fn shown(module: &str) -> &str {
    if module.is_empty() { "the root" } else { module }
}

/// What paths within a crate can name.
struct Names {
    modules: BTreeSet<String>,
    /// Module and name of each re-export, and the path of what is re-exported.
    reexports: BTreeMap<(String, String), Vec<String>>,
}

impl Names {
    fn of(source: &CrateSource) -> Self {
        let modules = source.modules.iter().map(|module| module.name.clone()).collect();
        let mut names = Self { modules, reexports: BTreeMap::new() };
        for module in &source.modules {
            for item in &module.items {
                let Item::Use(item) = item else { continue };
                if matches!(item.vis, Visibility::Inherited) {
                    continue;
                }
                for (path, name) in use_paths(&item.tree) {
                    if let Some(path) = names.absolute(&path, &module.name, &module.name) {
                        names.reexports.insert((module.name.clone(), name), path);
                    }
                }
            }
        }
        names
    }

    /// A path from the crate's root, for one that is written in `module`, of the file `file`; none
    /// if it leads out of the crate or names what is local.
    fn absolute(&self, path: &[String], module: &str, file: &str) -> Option<Vec<String>> {
        let mut from: Vec<String> = segments(module);
        let mut rest = path;
        match rest.first()?.as_str() {
            "crate" => {
                from.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|it| it == "super") {
                    from.pop()?;
                    rest = &rest[1..];
                }
            }
            // A module below this one is named without a prefix.
            first => {
                let child =
                    if file.is_empty() { first.to_owned() } else { format!("{file}::{first}") };
                self.modules.contains(&child).then_some(())?;
            }
        }
        from.extend_from_slice(rest);
        Some(from)
    }

    /// The file that has what a path names: the longest beginning of it that is a module.
    fn module_of(&self, path: &[String]) -> Option<String> {
        let mut path = path.to_vec();
        for _ in 0..REEXPORTS_FOLLOWED_MAX {
            let length =
                (0..=path.len()).rev().find(|it| self.modules.contains(&path[..*it].join("::")))?;
            let module = path[..length].join("::");
            let Some(name) = path.get(length) else { return Some(module) };
            let Some(target) = self.reexports.get(&(module.clone(), name.clone())) else {
                return Some(module);
            };
            path = [target, &path[length + 1..]].concat();
        }
        None
    }
}

fn segments(module: &str) -> Vec<String> {
    module.split("::").filter(|it| !it.is_empty()).map(str::to_owned).collect()
}

/// Each path of a `use`, with the name that it brings in.
fn use_paths(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    match tree {
        UseTree::Path(path) => {
            let first = path.ident.to_string();
            let longer = |(mut path, name): (Vec<String>, String)| {
                path.insert(0, first.clone());
                (path, name)
            };
            use_paths(&path.tree).into_iter().map(longer).collect()
        }
        UseTree::Name(name) if name.ident == "self" => vec![(Vec::new(), String::new())],
        UseTree::Name(name) => vec![(vec![name.ident.to_string()], name.ident.to_string())],
        UseTree::Rename(rename) => {
            vec![(vec![rename.ident.to_string()], rename.rename.to_string())]
        }
        UseTree::Glob(_) => vec![(Vec::new(), "*".to_owned())],
        UseTree::Group(group) => group.items.iter().flat_map(use_paths).collect(),
    }
}

/// The paths that a module's code names, each from the crate's root.
fn paths_in(module: &Module, names: &Names) -> Vec<Vec<String>> {
    let mut search = PathSearch { names, module, inner: module.name.clone(), paths: Vec::new() };
    for item in &module.items {
        search.visit_item(item);
    }
    search.paths
}

struct PathSearch<'a> {
    names: &'a Names,
    module: &'a Module,
    /// The module that the search is in: the file's, or one within the file.
    inner: String,
    paths: Vec<Vec<String>>,
}

impl PathSearch<'_> {
    fn found(&mut self, path: &[String]) {
        self.paths.extend(self.names.absolute(path, &self.inner, &self.module.name));
    }
}

impl<'ast> Visit<'ast> for PathSearch<'_> {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        // The face of a folder hands on what its files have; it does not use it.
        if self.module.has_children && !matches!(item.vis, Visibility::Inherited) {
            return;
        }
        for (path, _) in use_paths(&item.tree) {
            self.found(&path);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        let outer = self.inner.clone();
        self.inner = format!("{outer}::{}", module.ident);
        visit::visit_item_mod(self, module);
        self.inner = outer;
    }

    fn visit_path(&mut self, path: &'ast Path) {
        if path.leading_colon.is_none() && path.segments.len() > 1 {
            let names: Vec<String> =
                path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.found(&names);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        for expression in expressions(call) {
            PathSearch::visit_expr(self, &expression);
        }
    }

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    // `pub(crate)` and `pub(in path)` use nothing.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}
}

#[test]
fn the_search_for_uses_finds_them() {
    let check = |text: &str, expected: &[&str]| {
        let source = CrateSource::of_texts(&[
            ("", "pub use a::{One, Two};\npub use c::Three as Third;"),
            ("a", "pub(crate) use b::Inner;"),
            ("a::b", text),
            ("a::d", ""),
            ("c", "pub(crate) mod inner {}"),
        ]);
        let uses = uses_in(&source);
        let used: Vec<&str> = uses.arrows().filter(|it| it.0 == "a::b").map(|it| it.1).collect();
        assert_eq!(used, expected, "{text}");
    };
    check("use crate::a::Thing; use crate::c::{Other, Thing};", &["a", "c"]);
    check("use super::d; // crate::c", &["a::d"]);
    check("use crate::{Third, Two};", &["a", "c"]);
    check("use crate::a::Inner;", &[]);
    check("fn f() -> crate::c::Type { super::d::make(|| crate::One::new()) }", &["a", "a::d", "c"]);
    check("mod inner { use super::super::d::Type; }", &["a::d"]);
    check("fn f() { assert!(crate::c::is_open(), \"closed\"); }", &["c"]);
    check("#[cfg(test)] mod tests { use crate::c; }", &[]);
    check("pub(crate) fn f() { std::a::b() }", &[]);
    check("use crate::c::inner::Thing;", &["c"]);
}
