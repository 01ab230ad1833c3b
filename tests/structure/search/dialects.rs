//! Whether code names a type of one dialect.

use proc_macro2::Ident;
use syn::visit::Visit;
use syn::{Item, Macro};

use crate::search::macros::expressions;

/// Whether code names a type of one dialect: `BinaryReply`, `MetaFlags`, `Echo`.
pub(crate) fn names_a_dialect(items: &[Item]) -> bool {
    let mut search = DialectSearch(false);
    for item in items {
        search.visit_item(item);
    }
    search.0
}

struct DialectSearch(bool);

impl<'ast> Visit<'ast> for DialectSearch {
    fn visit_ident(&mut self, name: &'ast Ident) {
        let name = name.to_string();
        let rest = name.strip_prefix("Binary").or_else(|| name.strip_prefix("Meta"));
        self.0 |= name == "Echo" || rest.is_some_and(|rest| rest.starts_with(char::is_uppercase));
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        for expression in expressions(call) {
            DialectSearch::visit_expr(self, &expression);
        }
    }
}

#[test]
fn the_search_for_dialects_finds_them() {
    let check = |text: &str, expected: bool| {
        let file = syn::parse_file(text).expect("a test's text is Rust");
        assert_eq!(names_a_dialect(&file.items), expected, "{text}");
    };
    check("use slabcore_protocol::{Echo, Keys};", true);
    check("fn f() { let Request::Meta(MetaRequest { .. }) = request; }", true);
    check("fn f() { matches!(request, Request::BinaryKey(_)) }", true);
    check("use metrics::{Key, Metadata}; // BinaryReply", false);
    check("fn f() -> &str { Protocol::Binary.name() }", false);
}
