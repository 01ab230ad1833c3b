//! What a macro call is given, as far as it reads as expressions: `assert!(a.b(), "{}", c)`.

use syn::parse::{ParseStream, Parser};
use syn::{Expr, Macro, Token};

/// The expressions at the start of a macro's input; what follows them may be of another form.
pub(crate) fn expressions(call: &Macro) -> Vec<Expr> {
    let list = |input: ParseStream| {
        let mut found = Vec::new();
        while let Ok(expression) = input.parse::<Expr>() {
            found.push(expression);
            if input.parse::<Token![,]>().is_err() {
                break;
            }
        }
        // The rest must be consumed, or the parse would be an error.
        let _: proc_macro2::TokenStream = input.parse()?;
        Ok(found)
    };
    list.parse2(call.tokens.clone()).unwrap_or_default()
}

#[test]
fn expressions_are_read_as_far_as_they_go() {
    let count = |text: &str| {
        let call: Macro = syn::parse_str(text).expect("a macro call");
        expressions(&call).len()
    };
    assert_eq!(count("assert!(self.is_open(), \"{}\", self.state)"), 3);
    assert_eq!(count("matches!(self.step(), Some(Step::Open) if late)"), 2);
    assert_eq!(count("table! { row => 1 }"), 1);
    assert_eq!(count("table! { => }"), 0);
}
