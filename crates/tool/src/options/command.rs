//! The program and its commands.

use clap::Command;

use super::{copy_options, dump_options, top_options};

/// The program's command line.
pub(crate) fn command() -> Command {
    Command::new("slabcore-tool")
        .about("Looks into a running Slabcore or memcached, and moves its items.")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(top_options::command())
        .subcommand(copy_options::command())
        .subcommand(dump_options::dump_command())
        .subcommand(dump_options::restore_command())
}
