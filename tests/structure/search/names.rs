//! The names that code gives to files, types, functions, fields and constants.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{
    Field, Item, ItemConst, ItemEnum, ItemFn, ItemImpl, ItemStruct, ItemTrait, ItemType, Signature,
    Variant,
};

use crate::search::source::CrateSource;

/// A name that code gives, and the file that does.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    path: String,
    name: String,
}

/// The names that a crate's code gives to files, types, functions, fields and constants.
pub(crate) fn names_given_in(source: &CrateSource) -> Vec<Name> {
    let mut found = Vec::new();
    for module in &source.modules {
        let mut search = NameSearch::default();
        module.items.iter().for_each(|item| search.visit_item(item));
        search.names.push(stem_of(&module.path).to_owned());
        let name = |name| Name { path: module.path.clone(), name };
        found.extend(search.names.into_iter().map(name));
    }
    found
}

/// The name of a file, or of its folder if the file is the folder's main one.
pub(crate) fn stem_of(path: &str) -> &str {
    let path = path.strip_suffix(".rs").unwrap_or(path);
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path.rsplit('/').next().unwrap_or_default()
}

/// The names that have a word.
pub(crate) fn names_with<'a>(word: &str, names: &'a [Name]) -> Vec<&'a Name> {
    names.iter().filter(|name| words_of(&name.name).iter().any(|it| it == word)).collect()
}

/// The words of a name in lower case, in any of Rust's cases.
fn words_of(name: &str) -> Vec<String> {
    let mut spaced = String::new();
    let mut after_lower = false;
    for character in name.chars() {
        if character.is_uppercase() && after_lower {
            spaced.push('_');
        }
        after_lower = character.is_lowercase() || character.is_ascii_digit();
        spaced.extend(character.to_lowercase());
    }
    spaced.split('_').map(str::to_owned).collect()
}

/// Collects the names that code gives. Locals and the methods of a trait are left out.
#[derive(Default)]
struct NameSearch {
    names: Vec<String>,
    types: Vec<String>,
}

impl<'ast> Visit<'ast> for NameSearch {
    fn visit_item(&mut self, item: &'ast Item) {
        let of_type = match item {
            Item::Struct(ItemStruct { ident, .. })
            | Item::Enum(ItemEnum { ident, .. })
            | Item::Trait(ItemTrait { ident, .. })
            | Item::Type(ItemType { ident, .. }) => Some(ident),
            Item::Const(ItemConst { ident, .. }) => {
                self.names.push(ident.to_string());
                None
            }
            _ => None,
        };
        self.types.extend(of_type.map(ToString::to_string));
        self.names.extend(of_type.map(ToString::to_string));
        visit::visit_item(self, item);
    }

    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        // The trait names its methods.
        if block.trait_.is_none() {
            visit::visit_item_impl(self, block);
        }
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        visit::visit_item_fn(self, function);
    }

    fn visit_signature(&mut self, signature: &'ast Signature) {
        self.names.push(signature.ident.to_string());
    }

    fn visit_field(&mut self, field: &'ast Field) {
        self.names.extend(field.ident.as_ref().map(ToString::to_string));
    }

    fn visit_variant(&mut self, variant: &'ast Variant) {
        self.names.push(variant.ident.to_string());
        visit::visit_variant(self, variant);
    }
}

/// The types that a crate names, with the files that do.
pub(crate) fn types_in(source: &CrateSource) -> BTreeMap<String, Vec<String>> {
    let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for module in &source.modules {
        let mut search = NameSearch::default();
        module.items.iter().for_each(|item| search.visit_item(item));
        for name in search.types {
            types.entry(name).or_default().push(module.path.clone());
        }
    }
    types
}

#[test]
fn the_search_for_names_finds_them() {
    let check = |text: &str, expected: usize| {
        let source = CrateSource::of_texts(&[("hub", text)]);
        let names = names_given_in(&source);
        assert_eq!(names_with("seat", &names).len(), expected, "{text}");
    };
    check("struct Seat { seat: u8, free_seat: u8 }", 3);
    check("enum A { TakesSeat }", 1);
    check("const SEAT_MAX: u8 = 1; fn seat_of() {}", 2);
    check("impl A { fn seat(&self) {} } impl B for A { fn seat(&self) {} }", 1);
    check("fn f() { let seat = theSeat(); } struct Seated;", 0);
    let file = CrateSource::of_texts(&[("hub::seat", "")]);
    assert_eq!(names_with("seat", &names_given_in(&file)).len(), 1);
    assert_eq!(stem_of("crates/server/src/hub/mod.rs"), "hub");
    assert_eq!(words_of("TlsSeat2_of"), ["tls", "seat2", "of"]);
}

#[test]
fn the_search_for_types_finds_them() {
    let source = CrateSource::of_texts(&[
        ("a", "pub struct Step; type Plan = u8;"),
        ("b", "mod inner { enum Step {} } #[cfg(test)] mod tests { struct Step; }"),
    ]);
    let types = types_in(&source);
    assert_eq!(types["Step"], ["a.rs", "b.rs"]);
    assert_eq!(types["Plan"], ["a.rs"]);
}
