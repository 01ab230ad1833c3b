//! What the tests of all crates share, and what only tests may use.
//!
//! Two halves that do not know each other:
//!
//! - **Pure**: [`model::Model`] says what classic and meta commands mean, with the time as an
//!   argument; [`command::Command`] is one command as a value; [`generators`] and
//!   [`meta_generators`] make commands and whole scripts, good and bad ones, for property tests,
//!   from the keys and values of [`part_generators`]; [`line_mutations`] spoils their lines.
//! - **Processes**: [`server_process::ServerProcess`] runs slabcore or a stock memcached, and
//!   [`on_both!`] makes a test for each; [`wire_client::WireClient`] talks to it in bytes, and
//!   [`playback`] plays one [`script::Script`] to a server so that the replies of two servers can
//!   be compared; [`binary_playback`] does so with a [`binary_script::BinaryScript`], and
//!   [`datagram_playback`] by UDP, which [`datagram_client::DatagramClient`] speaks. A
//!   [`stopped_thread::StoppedThread`] makes a server look stuck.
//!
//! Goals: the same tests run on slabcore and on memcached; nothing waits by sleeping for a while
//! and hoping; a silent server fails a test and never hangs it. Non-goal: speed.
//!
//! It depends on no other crate of the workspace, so that a mistake there cannot hide itself here.

pub mod binaries;
pub mod binary_packet;
pub mod binary_playback;
pub mod binary_script;
pub mod both_servers;
pub mod command;
pub mod datagram_client;
pub mod datagram_playback;
pub mod generators;
pub mod limits;
pub mod line_mutations;
pub mod meta_generators;
pub mod meta_line;
pub mod meta_model;
mod meta_replies;
pub mod model;
pub mod part_generators;
pub mod playback;
pub mod replies;
pub mod script;
pub mod server_process;
pub mod splits;
pub mod stopped_thread;
pub mod test_directory;
pub mod tls_files;
pub mod wire_client;
