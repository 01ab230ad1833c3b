//! Files of a crate use each other one way, as far as paths show it: `use` and written-out paths.

use crate::facts::FACTS;

/// Files of a crate that use each other, all directly or through others, at most; 1 in crates that
/// are not named: there are no circles.
const CIRCLE_FILES_MAX: &[(&str, usize)] = &[];

#[test]
fn files_use_each_other_one_way() {
    let mut wrong = Vec::new();
    for facts in &*FACTS {
        let circle = facts.uses.largest_circle();
        let max = CIRCLE_FILES_MAX.iter().find(|it| it.0 == facts.name).map_or(1, |it| it.1);
        if circle.len() > max {
            let (name, count) = (&facts.name, circle.len());
            let arrows = facts.uses.described(&circle);
            wrong.push(format!("{name}: {count} files use each other, {max} may:\n{arrows}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
