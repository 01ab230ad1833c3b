//! Commands of Redis' dialect, cut anywhere. Nothing panics, and the cuts change no request.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slabcore_fuzz::resp_run::decode_commands;

/// Cuts of one input at most.
const CUTS_MAX: usize = 16;

fuzz_target!(|bytes: &[u8]| {
    let Some((&cuts, rest)) = bytes.split_first() else { return };
    let is_logged_in = cuts & 0x80 == 0;
    let cuts = usize::from(cuts & 0x7f) % (CUTS_MAX + 1);
    let Some((cuts, stream)) = rest.split_at_checked(cuts) else { return };
    let place = |&cut: &u8| usize::from(cut) * stream.len() / usize::from(u8::MAX);
    let mut cuts: Vec<usize> = cuts.iter().map(place).collect();
    cuts.sort_unstable();

    let whole = decode_commands(stream, [], is_logged_in);
    assert_eq!(decode_commands(stream, cuts, is_logged_in), whole);
    assert_eq!(decode_commands(stream, 0..stream.len(), is_logged_in), whole);
});
