//! What the rules need to know of each crate. All tests share it, as parsing takes long.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::graph::Graph;
use crate::search::calls::calls_in;
use crate::search::dialects::names_a_dialect;
use crate::search::names::{Name, names_given_in, types_in};
use crate::search::source::{CrateSource, crate_sources};
use crate::search::uses::uses_in;
use crate::search::visibility::pub_crates_in;

/// Facts about every crate of the project.
pub(crate) static FACTS: LazyLock<Vec<CrateFacts>> =
    LazyLock::new(|| crate_sources().iter().map(CrateFacts::of).collect());

pub(crate) struct CrateFacts {
    /// As [`CrateSource::name`].
    pub(crate) name: String,
    /// As [`CrateSource::folder`].
    pub(crate) folder: String,
    /// Paths within the crate of all modules: `hub::moving`.
    pub(crate) modules: Vec<String>,
    /// Modules, and which others each uses.
    pub(crate) uses: Graph,
    /// For each type: files, and the calls of its methods between them.
    pub(crate) calls: BTreeMap<String, Graph>,
    /// The names that the crate's code gives.
    pub(crate) names: Vec<Name>,
    /// The types that the crate names, with the files that do.
    pub(crate) types: BTreeMap<String, Vec<String>>,
    /// How often `pub(crate)` is written.
    pub(crate) pub_crates: usize,
    /// Files that name types of one dialect.
    pub(crate) dialect_files: Vec<String>,
}

impl CrateFacts {
    fn of(source: &CrateSource) -> Self {
        let with_dialects = source.modules.iter().filter(|it| names_a_dialect(&it.items));
        Self {
            name: source.name.clone(),
            folder: source.folder.clone(),
            modules: source.modules.iter().map(|module| module.name.clone()).collect(),
            uses: uses_in(source),
            calls: calls_in(source),
            names: names_given_in(source),
            types: types_in(source),
            pub_crates: pub_crates_in(source),
            dialect_files: with_dialects.map(|module| module.path.clone()).collect(),
        }
    }
}
