//! Methods of one type that are spread over files call each other one way.

use crate::facts::FACTS;

/// Files in which methods of one type call each other, all directly or through others, at most; 1
/// for types that are not named: crate, type, files.
const CIRCLE_FILES_MAX: &[(&str, &str, usize)] = &[];

#[test]
fn methods_of_a_type_call_each_other_one_way() {
    let mut wrong = Vec::new();
    for facts in &*FACTS {
        for (of_type, calls) in &facts.calls {
            let circle = calls.largest_circle();
            let stored = CIRCLE_FILES_MAX.iter().find(|it| (it.0, it.1) == (&facts.name, of_type));
            let max = stored.map_or(1, |it| it.2);
            if circle.len() > max {
                let (name, count) = (&facts.name, circle.len());
                let arrows = calls.described(&circle);
                wrong.push(format!(
                    "{name}: methods of {of_type} call each other in {count} files, {max} may:\n\
                    {arrows}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
