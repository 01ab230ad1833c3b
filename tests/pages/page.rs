//! A page of markdown: its prose, its code, its fenced blocks.

use std::fs;
use std::path::{Path, PathBuf};

/// Pages at the root of the tree; all of `docs` are beside these.
const ROOT_PAGES: [&str; 5] =
    ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];

/// The root of the tree.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("it is in the tree").to_owned()
}

/// All files of the tree, from its root; what is built and hidden is left out.
pub(crate) fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the tree") {
            let path = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !["target", ".git"].contains(&name.as_str()) {
                folders.push(path);
            } else if path.is_file() {
                files.push(path.strip_prefix(root()).expect("below the root").to_owned());
            }
        }
    }
    files
}

pub(crate) struct Page {
    /// From the root of the tree.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Lines between fences.
pub(crate) struct Block {
    /// What follows the opening fence.
    pub(crate) language: String,
    pub(crate) lines: Vec<String>,
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read_to_string(root().join(name));
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), text }
    }

    /// Every page.
    pub(crate) fn all() -> Vec<Self> {
        let docs = fs::read_dir(root().join("docs")).expect("the tree has docs");
        let docs = docs.map(|entry| entry.expect("an entry of docs").path());
        let docs = docs.filter(|path| path.extension().is_some_and(|it| it == "md"));
        let docs = docs.filter_map(|path| Some(format!("docs/{}", path.file_name()?.display())));
        let names: Vec<String> = ROOT_PAGES.map(str::to_owned).into_iter().chain(docs).collect();
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// The fenced blocks.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks: Vec<Block> = Vec::new();
        let mut is_open = false;
        for line in self.text.lines() {
            match (line.trim_start().strip_prefix("```"), is_open) {
                (Some(language), false) => {
                    blocks.push(Block { language: language.to_owned(), lines: Vec::new() });
                    is_open = true;
                }
                (Some(_), true) => is_open = false,
                (None, true) => {
                    let block = blocks.last_mut().expect("a block is open");
                    block.lines.push(line.trim_start().to_owned());
                }
                (None, false) => {}
            }
        }
        assert!(!is_open, "{}: a fence does not end", self.name);
        blocks
    }

    /// The text without fenced blocks.
    pub(crate) fn prose(&self) -> String {
        let parts = self.text.split("```").step_by(2);
        parts.collect()
    }

    /// What is between backticks in the prose.
    pub(crate) fn code_spans(&self) -> Vec<String> {
        let prose = self.prose();
        let paragraphs = prose.split("\n\n");
        let spans = paragraphs.flat_map(|text| text.split('`').skip(1).step_by(2));
        spans.map(|span| span.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}
