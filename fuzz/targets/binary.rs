//! Binary requests of any lengths, cut anywhere. The decoder never panics, and the cuts do not
//! change its results.
//!
//! Each request is made of a few of the input's bytes, so that most of them are whole.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slabcore_fuzz::decoder_run::decode_all;
use slabcore_protocol::REQUEST_MAGIC;

/// Input bytes of one request.
const REQUEST_INPUT_BYTES: usize = 8;

fuzz_target!(|input: &[u8]| {
    let (requests, rest) = input.as_chunks::<REQUEST_INPUT_BYTES>();
    let mut stream = Vec::new();
    for &[opcode, key, extras, value, key_off, body_off, cas, text] in requests {
        // The lengths match the fields that follow, except for an offset that is mostly 0.
        let off = |off: u8| u32::from(off.saturating_sub(250));
        let extras = extras % 24;
        let key_field = (u32::from(key) + off(key_off)) as u16;
        let body = u32::from(key) + u32::from(extras) + u32::from(value) + off(body_off);
        stream.extend_from_slice(&[REQUEST_MAGIC, opcode]);
        stream.extend_from_slice(&key_field.to_be_bytes());
        stream.extend_from_slice(&[extras, 0, 0, 0]);
        stream.extend_from_slice(&body.to_be_bytes());
        stream.extend_from_slice(&[text; 4]);
        stream.extend_from_slice(&u64::from(cas).to_be_bytes());
        let bytes = usize::from(key) + usize::from(extras) + usize::from(value);
        stream.resize(stream.len() + bytes, text);
    }
    stream.extend_from_slice(rest);
    if stream.first() != Some(&REQUEST_MAGIC) {
        return;
    }
    let whole = decode_all(&stream, []);
    assert_eq!(decode_all(&stream, 0..stream.len()), whole);
    assert_eq!(decode_all(&stream, (0..stream.len()).step_by(7)), whole);
});
