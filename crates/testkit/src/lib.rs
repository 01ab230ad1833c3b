//! What the tests of all crates share.
//!
//! **Purpose.** Two halves that do not know each other:
//!
//! - **Pure.** [`model::Model`] says what classic and meta commands and those of Redis' dialect
//!   mean; time is an argument. [`command::Command`] is one command as a value. [`generators`],
//!   [`meta_generators`] and [`string_generators`] make commands and scripts for property tests,
//!   from the keys and values of [`part_generators`]. [`line_mutations`] changes their lines in one
//!   place.
//! - **Processes.** [`server_process::ServerProcess`] runs slabcore or a stock memcached, and
//!   [`on_both!`] makes a test for each. [`wire_client::WireClient`] and
//!   [`datagram_client::DatagramClient`] exchange bytes with it. [`playback`] plays a
//!   [`script::Script`] to a server, so that the replies of two servers can be compared;
//!   [`binary_playback`] plays a [`binary_script::BinaryScript`], and [`datagram_playback`] uses
//!   UDP. A [`redis_process::RedisProcess`] is a real redis-server, and a
//!   [`redis_client::RedisClient`] speaks its dialect. A [`stopped_thread::StoppedThread`] makes a
//!   server look stuck.
//!
//! **Goals.** The same tests run on slabcore and on memcached. A test waits for a condition, never
//! for a time. A silent server fails a test and never hangs it.
//!
//! **Non-goals.** Speed.
//!
//! **Invariants.** It depends on no other crate of the workspace, so a mistake there cannot hide
//! itself here.

mod files;
pub mod limits;
mod process;
mod random;
mod scripts;
mod semantics;
mod sessions;
mod wire;

pub use files::{binaries, test_directory, tls_files};
pub use process::{both_servers, redis_process, server_process, stopped_thread, terminal};
pub use random::{generators, line_mutations, meta_generators, part_generators, string_generators};
pub use scripts::{binary_packet, binary_script, script, splits};
pub use semantics::{command, meta_line, meta_model, model};
pub use sessions::{binary_playback, datagram_playback, playback};
pub use wire::{datagram_client, redis_client, replies, wire_client};
