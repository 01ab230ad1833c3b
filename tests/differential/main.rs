//! The same streams to slabcore and to stock memcached; every reply byte must be equal.
//!
//! `cases/*.txt` are read one script a line. `SLABCORE_DIFF_CASES` sets how many generated scripts
//! each test plays, `SLABCORE_DIFF_SEED` which ones.

mod binary;
mod case_table;
mod datagrams;
mod expected_45;
mod generated;
mod model;
mod odd_lines;
mod tables;
mod twins;
