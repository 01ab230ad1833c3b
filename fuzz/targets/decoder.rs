//! Any bytes, cut anywhere: the decoder never panics, and the cuts do not show in its steps.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slabcore_fuzz::decoder_run::{Ending, Seen, steps};
use slabcore_protocol::{LINE_BYTES_MAX, Step};

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

/// The same steps, however the stream is cut.
fn check(stream: &[u8], cuts: &[usize]) {
    let whole = steps(stream, []);
    let cut = steps(stream, cuts.iter().copied());
    let single = steps(stream, 0..stream.len());
    if stream.len() <= LINE_BYTES_MAX {
        assert_eq!(cut, whole);
        assert_eq!(single, whole);
    } else {
        check_start(cut, &whole.0);
        check_start(single, &whole.0);
    }
}

/// An over-long line closes the connection if its LF is late, so there, and there only, the steps
/// may end before those of the whole stream.
fn check_start((mut steps, ending): (Vec<Seen<'_>>, Ending), whole: &[Seen<'_>]) {
    if steps == whole {
        return;
    }
    assert_eq!(ending, Ending::Closed, "the split shows in the steps");
    steps.pop();
    assert!(whole.starts_with(&steps), "the split shows in the steps");
    let Some(Seen::Step(
        _,
        Step::Request { consumed, .. }
        | Step::Store { consumed, .. }
        | Step::Error { consumed, .. },
    )) = whole.get(steps.len())
    else {
        panic!("closed where there is no line");
    };
    assert!(*consumed > LINE_BYTES_MAX, "closed on a line of {consumed} bytes");
}
