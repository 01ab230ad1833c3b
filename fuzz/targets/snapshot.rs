//! Damaged snapshots give items that were there, and the report says what is missing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slabcore_fuzz::snapshot_run::{Snapshot, run};

fuzz_target!(|input: Snapshot<'_>| run(&input));
