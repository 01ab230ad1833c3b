//! Sessions with servers as processes. Most hold for slabcore and for stock memcached, and run on
//! both.

#[macro_use(on_both)]
extern crate slabcore_testkit;

use slabcore_testkit::test_directory;

mod binary;
mod connections;
mod copy;
mod counters;
mod daemon;
mod datagrams;
mod dump_files;
mod dumps;
mod eviction_order;
mod fairness;
mod hot_keys;
mod keep_memory;
mod kept_values;
mod large_pages;
mod large_values;
mod latency;
mod little_memory;
mod locked_memory;
mod login;
mod memory_file;
mod meta;
mod miss_ratio_curve;
mod moved_items;
mod notices;
mod options;
mod own_datagrams;
mod pipelines;
mod placement;
mod pressure;
mod process;
mod rehoming;
mod restarts;
mod segments;
mod server_commands;
mod service;
mod serving;
mod snapshots;
mod start_line;
mod stat_tables;
mod stat_truth;
mod stuck_clients;
mod take_over;
mod time;
mod tls;
mod top;
mod users_file;
mod values;
mod watchdog;
mod watchers;
mod wide_memory;
