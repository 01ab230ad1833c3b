//! Sessions that hold for slabcore and for stock memcached alike: each test runs on both.

/// Makes two tests of a function that takes the kind of server.
macro_rules! on_both {
    ($($session:ident),+ $(,)?) => {
        mod slabcore {
            $(#[test] fn $session() {
                super::$session(slabcore_testkit::server_process::ServerKind::Slabcore);
            })+
        }
        mod stock {
            $(#[test] fn $session() {
                super::$session(slabcore_testkit::server_process::ServerKind::Stock);
            })+
        }
    };
}

mod binary;
mod connections;
mod counters;
mod daemon;
mod datagrams;
mod dumps;
mod fairness;
mod large_pages;
mod large_values;
mod little_memory;
mod login;
mod meta;
mod options;
mod orders;
mod own_datagrams;
mod pipelines;
mod pressure;
mod process;
mod service;
mod stat_tables;
mod stat_truth;
mod test_directory;
mod time;
mod tls;
mod users_file;
mod values;
mod watchers;
