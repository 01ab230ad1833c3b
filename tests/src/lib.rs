//! The tests of the whole: slabcore as a process beside a stock memcached, and the tree's shape.
//!
//! - `tests/differential`: the same bytes to both servers, the replies compared byte by byte.
//! - `tests/wire`: sessions that hold for both servers, each run on each.
//! - `tests/clients`: client libraries, tools, a proxy and a package that were written by others.
//! - `tests/structure.rs`: the order of the crates and the house style, as far as it can be
//!   counted.
//! - `stock-memcached`: where the stock memcached comes from.
//!
//! `SLABCORE_BIN` and `MEMCACHED` name other binaries. `SLABCORE_BIN` may be a memcached as well,
//! which tests the tests.
