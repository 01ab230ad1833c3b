//! All connections of one executor.
//!
//! Where input arrives and output waits, messages from other threads, moves of connections to other
//! executors, idle connections, and the rules that make room for each of them.
//!
//! May use: all rooms from `settings` to `requests`. Must not come in: receives and sends.
//!
//! Start reading at [`Hub`], then `input.rs`.

pub(crate) mod background_rest;
pub(crate) mod cut_lines;
pub(crate) mod driver_actions;
mod encrypted;
mod hub;
pub(crate) mod idle;
mod input;
mod messages;
mod moving;
pub(crate) mod pending_datagrams;
pub(crate) mod stats_conns;
mod watching;

pub(crate) use self::hub::Hub;
