//! Which file calls the methods of a type in which other file.
//!
//! A type with `impl` blocks in several files gets an arrow from each file that calls one of its
//! methods to the file that has the method. A call counts if the type of its receiver can be read
//! off: `self`, a parameter, a field, a local made of one, or what a method of a known type
//! returns. `Type::method` and `Self::method` count as well.

use std::collections::BTreeMap;

use syn::visit::{self, Visit};
use syn::{
    Expr, ExprMethodCall, ExprPath, Fields, FnArg, GenericArgument, Ident, ImplItemFn, Item,
    ItemFn, ItemImpl, ItemMod, Local, Macro, Member, Pat, PathArguments, ReturnType, Signature,
    Type,
};

use crate::graph::Graph;
use crate::search::macros::expressions;
use crate::search::source::CrateSource;

/// For each type of a crate: files, and the calls of its methods between them.
pub(crate) fn calls_in(source: &CrateSource) -> BTreeMap<String, Graph> {
    let types = KnownTypes::of(source);
    let mut calls = BTreeMap::new();
    for module in &source.modules {
        let mut search = CallSearch {
            types: &types,
            file: &module.path,
            self_type: None,
            locals: BTreeMap::new(),
            calls: &mut calls,
        };
        for item in &module.items {
            search.visit_item(item);
        }
    }
    calls
}

/// The types of a crate, by name, as far as calls need them.
#[derive(Default)]
struct KnownTypes {
    /// Type and field: the field's type.
    fields: BTreeMap<(String, String), String>,
    /// Type and method: the file that has it.
    methods: BTreeMap<(String, String), String>,
    /// Type and method: the type that it returns.
    returned: BTreeMap<(String, String), String>,
}

impl KnownTypes {
    fn of(source: &CrateSource) -> Self {
        let mut types = Self::default();
        for module in &source.modules {
            types.add(&module.items, &module.path);
        }
        types
    }

    fn add(&mut self, items: &[Item], file: &str) {
        for item in items {
            match item {
                Item::Struct(item) => self.add_fields(&item.ident, &item.fields),
                Item::Impl(block) if block.trait_.is_none() => self.add_methods(block, file),
                Item::Mod(ItemMod { content: Some((_, items)), .. }) => self.add(items, file),
                _ => {}
            }
        }
    }

    fn add_fields(&mut self, of_type: &Ident, fields: &Fields) {
        for (number, field) in fields.iter().enumerate() {
            let name = field.ident.as_ref().map_or_else(|| number.to_string(), Ident::to_string);
            if let Some(type_name) = type_name(&field.ty) {
                self.fields.insert((of_type.to_string(), name), type_name);
            }
        }
    }

    fn add_methods(&mut self, block: &ItemImpl, file: &str) {
        let Some(of_type) = type_name(&block.self_ty) else { return };
        for item in &block.items {
            let syn::ImplItem::Fn(method) = item else { continue };
            let key = (of_type.clone(), method.sig.ident.to_string());
            if let ReturnType::Type(_, returned) = &method.sig.output
                && let Some(returned) = type_name(returned)
            {
                let returned = if returned == "Self" { of_type.clone() } else { returned };
                self.returned.insert(key.clone(), returned);
            }
            self.methods.insert(key, file.to_owned());
        }
    }
}

/// The name of a type whose methods a value of this type has: behind references and boxes.
fn type_name(of: &Type) -> Option<String> {
    match of {
        Type::Reference(reference) => type_name(&reference.elem),
        Type::Paren(inner) => type_name(&inner.elem),
        Type::Path(path) => {
            let last = path.path.segments.last()?;
            let boxed = ["Box", "Rc", "Arc"].iter().any(|name| last.ident == name);
            match &last.arguments {
                PathArguments::AngleBracketed(list) if boxed => match list.args.first()? {
                    GenericArgument::Type(inner) => type_name(inner),
                    _ => None,
                },
                _ => Some(last.ident.to_string()),
            }
        }
        _ => None,
    }
}

struct CallSearch<'a> {
    types: &'a KnownTypes,
    file: &'a str,
    self_type: Option<String>,
    /// Parameters and locals of the function that the search is in: name and type.
    locals: BTreeMap<String, String>,
    calls: &'a mut BTreeMap<String, Graph>,
}

impl CallSearch<'_> {
    fn found(&mut self, of_type: &str, method: &str) {
        let key = (of_type.to_owned(), method.to_owned());
        if let Some(file) = self.types.methods.get(&key) {
            let calls = self.calls.entry(of_type.to_owned()).or_default();
            calls.add(self.file, file, method);
        }
    }

    /// The type of a value, if it can be read off.
    fn type_of(&self, value: &Expr) -> Option<String> {
        match value {
            Expr::Path(path) => {
                let name = path.path.get_ident()?.to_string();
                if name == "self" {
                    self.self_type.clone()
                } else {
                    self.locals.get(&name).cloned()
                }
            }
            Expr::Field(field) => {
                let Member::Named(name) = &field.member else { return None };
                let key = (self.type_of(&field.base)?, name.to_string());
                self.types.fields.get(&key).cloned()
            }
            Expr::MethodCall(call) => {
                let key = (self.type_of(&call.receiver)?, call.method.to_string());
                self.types.returned.get(&key).cloned()
            }
            Expr::Reference(reference) => self.type_of(&reference.expr),
            Expr::Paren(inner) => self.type_of(&inner.expr),
            Expr::Unary(unary) => self.type_of(&unary.expr),
            _ => None,
        }
    }

    fn enter(&mut self, signature: &Signature) {
        self.locals.clear();
        for input in &signature.inputs {
            let FnArg::Typed(parameter) = input else { continue };
            if let (Pat::Ident(name), Some(of_type)) = (&*parameter.pat, type_name(&parameter.ty)) {
                let of_type = match &self.self_type {
                    Some(self_type) if of_type == "Self" => self_type.clone(),
                    _ => of_type,
                };
                self.locals.insert(name.ident.to_string(), of_type);
            }
        }
    }
}

impl<'ast> Visit<'ast> for CallSearch<'_> {
    fn visit_item_impl(&mut self, block: &'ast ItemImpl) {
        let outer = std::mem::replace(&mut self.self_type, type_name(&block.self_ty));
        visit::visit_item_impl(self, block);
        self.self_type = outer;
    }

    fn visit_item_fn(&mut self, function: &'ast ItemFn) {
        self.enter(&function.sig);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, method: &'ast ImplItemFn) {
        self.enter(&method.sig);
        visit::visit_impl_item_fn(self, method);
    }

    fn visit_local(&mut self, local: &'ast Local) {
        visit::visit_local(self, local);
        let Pat::Ident(name) = &local.pat else { return };
        let of_type = local.init.as_ref().and_then(|init| self.type_of(&init.expr));
        match of_type {
            Some(of_type) => self.locals.insert(name.ident.to_string(), of_type),
            None => self.locals.remove(&name.ident.to_string()),
        };
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        if let Some(of_type) = self.type_of(&call.receiver) {
            self.found(&of_type, &call.method.to_string());
        }
        visit::visit_expr_method_call(self, call);
    }

    fn visit_expr_path(&mut self, path: &'ast ExprPath) {
        let names: Vec<String> =
            path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let [.., of_type, method] = &names[..] {
            let self_type = self.self_type.as_ref().filter(|_| of_type == "Self");
            let of_type = self_type.unwrap_or(of_type).clone();
            self.found(&of_type, method);
        }
        visit::visit_expr_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        for expression in expressions(call) {
            CallSearch::visit_expr(self, &expression);
        }
    }
}

#[test]
fn the_search_for_calls_finds_them() {
    let check = |text: &str, expected: &[&str]| {
        let source = CrateSource::of_texts(&[
            ("", "struct Store { pages: Pages } struct Pages { store: Box<Store> }"),
            ("a", text),
            ("b", "impl Store { fn evict(&self) {} fn pages(&self) -> &Pages { &self.pages } }"),
            ("c", "impl Pages { fn take(&self) {} fn new() -> Self {} }"),
        ]);
        let calls = calls_in(&source);
        let mut found = Vec::new();
        for (of_type, calls) in &calls {
            found.extend(calls.arrows().map(|(_, to, names)| format!("{of_type} {to} {names:?}")));
        }
        assert_eq!(found, expected, "{text}");
    };
    check("impl Store { fn f(&self) { self.evict(); } }", &["Store b.rs {\"evict\"}"]);
    check("impl Store { fn f(&self) { once(Self::evict); } }", &["Store b.rs {\"evict\"}"]);
    check(
        "impl Drop for Store { fn drop(&mut self) { self.evict() } }",
        &["Store b.rs {\"evict\"}"],
    );
    check("impl Store { fn f(&self) { self.pages.take(); } }", &["Pages c.rs {\"take\"}"]);
    check("fn f(mut store: &mut Store) { assert!(store.evict()); }", &["Store b.rs {\"evict\"}"]);
    check("fn f(pages: Pages) { pages.store.evict() }", &["Store b.rs {\"evict\"}"]);
    check(
        "fn f(store: &Store) { let pages = store.pages(); pages.take() }",
        &["Pages c.rs {\"take\"}", "Store b.rs {\"pages\"}"],
    );
    check("fn f() { crate::Pages::new() }", &["Pages c.rs {\"new\"}"]);
    check("fn f(store: &Other) { store.evict() }", &[]);
    check("impl Other { fn f(&self) { self.evict() } }", &[]);
    check("#[cfg(test)] mod tests { fn f(store: Store) { store.evict() } }", &[]);
}
