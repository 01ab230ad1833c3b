//! Damaged memory of an earlier process.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slabcore_fuzz::kept_memory_run::{KeptMemory, run};

fuzz_target!(|input: KeptMemory<'_>| run(&input));
