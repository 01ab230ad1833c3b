//! Tests of the whole project: slabcore as a process beside stock memcached, and the source tree.
//!
//! - `differential/`: sends the same bytes to both servers and compares the replies byte by byte.
//! - `wire/`: sessions that hold for both servers; each runs on each of them.
//! - `clients/`: client libraries, tools, a proxy and a package that others wrote.
//! - `pages/`: commands, links and lists in the pages that people read.
//! - `structure/`: the order of crates and folders, and the countable rules of style.
//! - `stock-memcached`: finds or builds the memcached to compare with.
//!
//! `SLABCORE_BIN`, `SLABCORE_TOOL` and `MEMCACHED` name other binaries. `SLABCORE_BIN` may name a
//! memcached, too, which tests the tests.
