//! Instructions per request, counted by callgrind and compared with a table in the tree.
//!
//! May use: `table`, `load`. Must not come in: times.
//!
//! Start reading at `instruction_loads.rs`.

pub mod instruction_loads;
pub mod instruction_table;
