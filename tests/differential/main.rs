//! Sends the same streams to slabcore and to stock memcached. All reply bytes must be equal.
//!
//! Each line of `cases/*.txt` is a script. `SLABCORE_DIFF_CASES` sets how many generated scripts
//! each test plays, and `SLABCORE_DIFF_SEED` selects them.

mod binary;
mod case_table;
mod datagrams;
mod expected_45;
mod generated;
mod model;
mod odd_lines;
mod tables;
mod twins;
