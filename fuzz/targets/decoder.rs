//! Any bytes, cut anywhere. The decoder never panics, and the cuts do not change its results.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slabcore_fuzz::decoder_run::{Ending, Seen, decode_all};
use slabcore_protocol::{Decoded, LINE_BYTES_MAX};

/// Cuts of one input at most.
const CUTS_MAX: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let Some((&cuts, rest)) = bytes.split_first() else { return };
    let cuts = usize::from(cuts) % (CUTS_MAX + 1);
    let Some((cuts, stream)) = rest.split_at_checked(cuts) else { return };
    let place = |&cut: &u8| usize::from(cut) * stream.len() / usize::from(u8::MAX);
    let mut cuts: Vec<usize> = cuts.iter().map(place).collect();
    cuts.sort_unstable();

    check(stream, &cuts);
});

/// Checks that the cuts do not change the results.
fn check(stream: &[u8], cuts: &[usize]) {
    let whole = decode_all(stream, []);
    let cut = decode_all(stream, cuts.iter().copied());
    let single = decode_all(stream, 0..stream.len());
    if stream.len() <= LINE_BYTES_MAX {
        assert_eq!(cut, whole);
        assert_eq!(single, whole);
    } else {
        check_start(cut, &whole.0);
        check_start(single, &whole.0);
    }
}

/// An over-long line closes the connection if its LF is late, so there, and there only, it
/// may end before the whole stream does.
fn check_start((mut found, ending): (Vec<Seen<'_>>, Ending), whole: &[Seen<'_>]) {
    if found == whole {
        return;
    }
    assert_eq!(ending, Ending::Closed, "the split shows in what is decoded");
    found.pop();
    assert!(whole.starts_with(&found), "the split shows in what is decoded");
    let Some(Seen::Decoded(
        _,
        Decoded::Request { consumed, .. }
        | Decoded::Store { consumed, .. }
        | Decoded::Error { consumed, .. },
    )) = whole.get(found.len())
    else {
        panic!("closed where there is no line");
    };
    assert!(*consumed > LINE_BYTES_MAX, "closed on a line of {consumed} bytes");
}
