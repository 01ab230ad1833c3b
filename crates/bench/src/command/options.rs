//! Options that several commands have.

use std::error::Error;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};

use crate::servers::binaries;

/// `--against` and `--slabcore`.
pub(super) fn server_options() -> [Arg; 2] {
    let path = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name("PATH").value_parser(value_parser!(PathBuf)).help(help)
    };
    [
        path("against", "The server to compare with [default: $MEMCACHED, memcached in the PATH]"),
        path("slabcore", "Slabcore [default: $SLABCORE, beside this program, in the PATH]"),
    ]
}

/// The binaries of both servers: the one to compare with, and Slabcore's.
pub(super) fn servers(matches: &ArgMatches) -> Result<[PathBuf; 2], Box<dyn Error>> {
    let named = |name: &str| matches.get_one::<PathBuf>(name).map(PathBuf::as_path);
    Ok([binaries::memcached(named("against"))?, binaries::slabcore(named("slabcore"))?])
}
