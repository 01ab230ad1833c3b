//! Operations on a tiny store, compared with a map.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slabcore_fuzz::store_op::{Op, Setup};

fuzz_target!(|input: (Setup, Vec<Op>)| {
    let (setup, ops) = input;
    slabcore_fuzz::store_run::run(setup, &ops);
});
