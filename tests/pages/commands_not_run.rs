//! Commands of the pages that the tests do not run, each with the reason.

/// How a command begins, and why it is not run.
pub(crate) const NOT_RUN: &[(&str, &str)] = &[
    ("./run -m", "builds the release and serves until it is stopped; the stage server builds it"),
    ("./test", "runs these tests"),
    ("sudo ", "changes the machine"),
    ("cargo build", "the stages server and benches build what they need"),
    ("MEMCACHED=", "the stage wire runs all wire tests"),
    ("cargo run -p slabcore-benches --bin pages", "a test of the tool says if it has to run"),
    (
        "target/release/slabcore-bench",
        "measures for minutes; the stage benches runs its commands, small",
    ),
    ("target/release/growth", "measures for minutes; the stage benches runs it, small"),
    ("target/release/replay", "needs recorded traces, which are not in the tree"),
    ("benches/count-instructions", "the stage instructions runs it"),
];
