//! The Rust files of the project, and the modules of a crate.

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, ImplItem, Item, Meta};

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A Rust file with its path from the root of the project.
pub(crate) struct RustFile {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Every Rust file of the project, tests included.
pub(crate) fn rust_files() -> Vec<RustFile> {
    let mut files = Vec::new();
    for folder in ["crates", "benches", "tests", "fuzz"] {
        collect(folder, &mut files);
    }
    assert!(files.len() > 20, "the search finds the files");
    files
}

/// Adds the Rust files of a folder, which is a path from the root.
fn collect(folder: &str, files: &mut Vec<RustFile>) {
    for name in names_in(folder) {
        let path = format!("{folder}/{name}");
        if root().join(&path).is_dir() {
            if name != "target" {
                collect(&path, files);
            }
        } else if is_rust(&name) {
            let text = read(&path);
            files.push(RustFile { path, text });
        }
    }
}

/// The names in a folder, sorted; none if there is no such folder.
pub(crate) fn names_in(folder: &str) -> Vec<String> {
    let Ok(entries) = fs::read_dir(root().join(folder)) else { return Vec::new() };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.expect("a folder's entry").file_name().to_string_lossy().into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// Whether a file's name says that it is Rust.
pub(crate) fn is_rust(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension == "rs")
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A crate, or a test of several files: a tree of modules under one root file.
pub(crate) struct CrateSource {
    /// The folder's name, as in `crates/storage`; for a test `tests/` and its name.
    pub(crate) name: String,
    /// The folder of the root file, from the root of the project.
    pub(crate) folder: String,
    pub(crate) modules: Vec<Module>,
}

/// A module that is a file. What only tests compile is left out.
pub(crate) struct Module {
    /// The path within the crate: `hub::moving`. The root's is empty.
    pub(crate) name: String,
    /// The file, from the root of the project.
    pub(crate) path: String,
    pub(crate) items: Vec<Item>,
    /// Whether the module has other files below it, so that its re-exports are their face.
    pub(crate) has_children: bool,
}

impl CrateSource {
    /// The crate of a folder that has a `src`.
    pub(crate) fn of_folder(name: &str, folder: &str) -> Option<Self> {
        let source = format!("{folder}/src");
        let names = names_in(&source);
        let face = ["lib.rs", "main.rs"].into_iter().find(|it| names.iter().any(|name| name == it));
        face.map(|face| Self::of_root(name, &source, face))
    }

    fn of_root(name: &str, folder: &str, face: &str) -> Self {
        let mut modules = Vec::new();
        add_modules(String::new(), format!("{folder}/{face}"), folder, &mut modules);
        Self { name: name.to_owned(), folder: folder.to_owned(), modules }
    }

    /// A crate of modules with these names and texts, to test a search.
    pub(crate) fn of_texts(texts: &[(&str, &str)]) -> Self {
        let module = |(name, text): &(&str, &str)| {
            let file = syn::parse_file(text).expect("a test's text is Rust");
            let below = format!("{name}::");
            let has_children =
                name.is_empty() || texts.iter().any(|other| other.0.starts_with(&below));
            let path = format!("{}.rs", name.replace("::", "/"));
            Module {
                name: (*name).to_owned(),
                path,
                items: without_tests(file.items),
                has_children,
            }
        };
        let modules = texts.iter().map(module).collect();
        Self { name: "a_test".to_owned(), folder: String::new(), modules }
    }
}

/// Every crate of the project: those below `crates/`, the benches, the fuzz targets, and each test
/// that has a folder.
pub(crate) fn crate_sources() -> Vec<CrateSource> {
    let libraries = names_in("crates").into_iter().map(|name| (format!("crates/{name}"), name));
    let others = ["benches", "fuzz"].map(|name| (name.to_owned(), name.to_owned()));
    let of_folder = |(folder, name): (String, String)| CrateSource::of_folder(&name, &folder);
    let mut crates: Vec<_> = libraries.chain(others).filter_map(of_folder).collect();
    for name in names_in("tests") {
        let folder = format!("tests/{name}");
        if root().join(&folder).join("main.rs").is_file() {
            crates.push(CrateSource::of_root(&folder, &folder, "main.rs"));
        }
    }
    assert!(crates.len() > 8, "the search finds the crates");
    crates
}

/// Adds a file's module and those that it declares. `folder` is where their files lie.
fn add_modules(name: String, path: String, folder: &str, modules: &mut Vec<Module>) {
    let file = syn::parse_file(&read(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let items = without_tests(file.items);
    let children: Vec<String> = items.iter().filter_map(declared_module).collect();
    let has_children = name.is_empty() || !children.is_empty();
    for child in children {
        let child_name = if name.is_empty() { child.clone() } else { format!("{name}::{child}") };
        let below = format!("{folder}/{child}");
        let own_file = format!("{below}.rs");
        let is_file = root().join(&own_file).is_file();
        let path = if is_file { own_file } else { format!("{below}/mod.rs") };
        add_modules(child_name, path, &below, modules);
    }
    modules.push(Module { name, path, items, has_children });
}

/// The name of a module whose text is in another file.
fn declared_module(item: &Item) -> Option<String> {
    match item {
        Item::Mod(module) if module.content.is_none() => Some(module.ident.to_string()),
        _ => None,
    }
}

fn without_tests(items: Vec<Item>) -> Vec<Item> {
    let kept = items.into_iter().filter(|item| !only_for_tests(attributes(item)));
    kept.map(|item| match item {
        Item::Mod(mut module) => {
            module.content = module.content.map(|(brace, items)| (brace, without_tests(items)));
            Item::Mod(module)
        }
        Item::Impl(mut block) => {
            block.items.retain(|item| match item {
                ImplItem::Fn(function) => !only_for_tests(&function.attrs),
                ImplItem::Const(constant) => !only_for_tests(&constant.attrs),
                _ => true,
            });
            Item::Impl(block)
        }
        other => other,
    })
    .collect()
}

/// Whether one of the attributes is `#[cfg(test)]`, `#[cfg(all(test, ..))]` or the like.
fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("cfg") => {
            let text = list.tokens.to_string().replace(' ', "");
            let text = text.strip_prefix("all(").unwrap_or(&text);
            let text = text.strip_prefix("any(").unwrap_or(text);
            text.split(['(', ')', ',']).next() == Some("test")
        }
        _ => false,
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(it) => &it.attrs,
        Item::Enum(it) => &it.attrs,
        Item::Fn(it) => &it.attrs,
        Item::Impl(it) => &it.attrs,
        Item::Macro(it) => &it.attrs,
        Item::Mod(it) => &it.attrs,
        Item::Static(it) => &it.attrs,
        Item::Struct(it) => &it.attrs,
        Item::Trait(it) => &it.attrs,
        Item::Type(it) => &it.attrs,
        Item::Use(it) => &it.attrs,
        _ => &[],
    }
}

#[test]
fn what_only_tests_compile_is_left_out() {
    let text = "#[cfg(test)] mod tests;
        #[cfg(all(test, unix))] use crate::a;
        #[cfg(not(test))] fn kept() {}
        mod inner { #[cfg(test)] fn left_out() {} fn kept() {} }
        impl Type { #[cfg(test)] fn left_out() {} fn kept() {} }";
    let found = CrateSource::of_texts(&[("", text)]);
    let items = &found.modules[0].items;
    assert!(matches!(items[..], [Item::Fn(_), Item::Mod(_), Item::Impl(_)]));
    let Item::Mod(inner) = &items[1] else { panic!() };
    assert_eq!(inner.content.as_ref().map(|content| content.1.len()), Some(1));
    let Item::Impl(block) = &items[2] else { panic!() };
    assert_eq!(block.items.len(), 1);
}

#[test]
fn every_module_of_a_crate_is_found() {
    let server = CrateSource::of_folder("server", "crates/server").expect("there is a server");
    let found = |name: &str| server.modules.iter().any(|module| module.name == name);
    assert!(found("") && found("settings") && found("settings::settings"));
    assert!(!found("moving_tests"), "it is only for tests");
}
