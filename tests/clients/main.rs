//! Programs that others wrote, each driven against slabcore and against stock memcached: client
//! libraries and tools, a proxy, and Debian's package around the server.
//!
//! `clients/tools` finds them and installs what is missing.

#[macro_use(on_both)]
extern crate slabcore_testkit;

mod client_page;
mod debian_package;
mod dumps;
mod frameworks;
mod libmemcached_tools;
mod load_generators;
mod memcached_tool;
mod metrics_server;
mod monitoring;
mod nutcracker;
mod patience;
mod program;
mod prometheus;
mod protocol_test;
mod redis_clients;
mod redis_exporter;
mod service;
mod sessions;
mod status_page;
mod unit_limits;
