//! How often a crate writes `pub(crate)`.

use syn::VisRestricted;
use syn::visit::Visit;

use crate::search::source::CrateSource;

pub(crate) fn pub_crates_in(source: &CrateSource) -> usize {
    let mut search = VisibilitySearch(0);
    let items = source.modules.iter().flat_map(|module| &module.items);
    items.for_each(|item| search.visit_item(item));
    search.0
}

struct VisibilitySearch(usize);

impl<'ast> Visit<'ast> for VisibilitySearch {
    fn visit_vis_restricted(&mut self, visibility: &'ast VisRestricted) {
        self.0 += usize::from(visibility.path.is_ident("crate"));
    }
}

#[test]
fn the_search_for_pub_crate_finds_it() {
    let text = "pub(crate) mod a {}
        pub(super) struct S { pub(crate) field: u8, pub other: u8 }
        impl S { pub(crate) fn f() {} pub(in crate::a) fn g() {} }
        #[cfg(test)] pub(crate) fn only_tests() {}";
    assert_eq!(pub_crates_in(&CrateSource::of_texts(&[("", text)])), 3);
}
