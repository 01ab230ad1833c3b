//! `pub(crate)` is only for items that another folder uses. `pub(super)` or private is enough for
//! others.

use crate::facts::FACTS;

/// Uses of `pub(crate)` in a crate at most; none in crates that are not named.
const PUB_CRATE_MAX: &[(&str, usize)] = &[
    ("bench", 20),
    ("benches", 1),
    ("metrics", 2),
    ("protocol", 157),
    ("server", 1019),
    ("shard", 72),
    ("slabcore", 130),
    ("storage", 769),
    ("testkit", 7),
    ("tool", 444),
];

#[test]
fn pub_crate_grows_rarer() {
    let mut wrong = Vec::new();
    // A test of several files is one program, of which nothing can be public.
    for facts in FACTS.iter().filter(|facts| !facts.name.starts_with("tests/")) {
        let count = facts.pub_crates;
        let max = PUB_CRATE_MAX.iter().find(|it| it.0 == facts.name).map_or(0, |it| it.1);
        if count > max {
            wrong.push(format!("(\"{}\", {count}), {max} are allowed", facts.name));
        }
    }
    assert!(wrong.is_empty(), "more pub(crate) than before:\n{}", wrong.join("\n"));
}
