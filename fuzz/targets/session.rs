//! A client's bytes against one shard, against two, and in other pieces. The replies must be the
//! same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slabcore_fuzz::session_input::{joined, pieces};
use slabcore_fuzz::session_run::replies;

fuzz_target!(|input: &[u8]| {
    let pieces = pieces(input);
    let one = replies(&pieces, 1);
    let two = replies(&pieces, 2);
    assert!(one == two, "two shards answer differently:\n{one:?}\n{two:?}");
    // An over-long line whose LF is late closes the connection.
    if !one.closed {
        let joined = replies(&joined(pieces), 2);
        assert!(joined == one, "the pieces show in the replies:\n{one:?}\n{joined:?}");
    }
});
