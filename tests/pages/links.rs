//! Links between the pages.

use std::path::{Component, Path, PathBuf};

use crate::page::{Page, root};

/// Targets of the links of a page: what is in parentheses after brackets.
fn targets(prose: &str) -> Vec<&str> {
    let after = prose.split("](").skip(1);
    after.filter_map(|rest| rest.split(')').next()).collect()
}

/// The anchor that a heading has.
fn anchor(heading: &str) -> String {
    let heading = heading.to_lowercase();
    let kept = heading.chars().filter_map(|it| match it {
        ' ' | '-' => Some('-'),
        it if it.is_alphanumeric() || it == '_' => Some(it),
        _ => None,
    });
    kept.collect()
}

fn has_anchor(page: &Page, wanted: &str) -> bool {
    let lines = page.text.lines().filter(|line| line.starts_with('#'));
    lines.map(|line| line.trim_start_matches('#').trim()).any(|line| anchor(line) == wanted)
}

/// The path without `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in path.components() {
        if component == Component::ParentDir {
            plain.pop();
        } else {
            plain.push(component);
        }
    }
    plain
}

#[test]
fn relative_links_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in Page::all() {
        let folder = Path::new(&page.name).parent().unwrap_or(Path::new("")).to_owned();
        let prose = page.prose();
        for target in targets(&prose).into_iter().filter(|target| !target.contains("://")) {
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let name = if file.is_empty() {
                page.name.clone()
            } else {
                plain(&folder.join(file)).to_string_lossy().into_owned()
            };
            let exists = root().join(&name).exists();
            if !exists || (!fragment.is_empty() && !has_anchor(&Page::read(&name), fragment)) {
                wrong.push(format!("{}: {target}", page.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn targets_and_anchors_are_found() {
    assert_eq!(targets("a [b](c.md) d ![e](f.svg#g)"), ["c.md", "f.svg#g"]);
    assert_eq!(anchor("What a `get` does, twice"), "what-a-get-does-twice");
    assert_eq!(plain(Path::new("docs/../README.md")), Path::new("README.md"));
}
