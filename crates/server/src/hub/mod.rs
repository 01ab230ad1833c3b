//! All connections of one executor.
//!
//! The input of connections, what their drivers do for them, messages from other threads, moves of
//! connections to other executors, idle connections, and the limits on what all of them keep.
//!
//! May use: all rooms from `settings` to `requests`. Must not come in: receives and sends.
//!
//! A [`Hub`] has parts, each with its own type: `connections.rs` and what it uses (`carry_sums.rs`,
//! `cut_lines.rs`), `departures.rs`, `handing_over.rs`, `pending_datagrams.rs`, `idle.rs`,
//! `background_rest.rs`. Parts do not know the hub. Its own methods use them, from the top down:
//! `driver_actions.rs`, `messages.rs`, `input.rs`, `hub.rs`.
//!
//! Start reading at [`Hub`], then `input.rs`.

mod background_rest;
mod carry_sums;
mod connection_report;
mod connections;
mod cut_lines;
mod departures;
pub(crate) mod driver_actions;
mod encrypted;
mod handing_over;
mod hub;
mod idle;
mod input;
mod messages;
mod pending_datagrams;
mod subscribers;
mod watching;

pub(crate) use self::hub::Hub;
