//! `slabcore-bench`: compares Slabcore with other servers that speak memcached's protocols.

use std::process::ExitCode;

use clap::Command;
use slabcore_bench::command::{compare, fill, load, respond};

fn command() -> Command {
    Command::new("slabcore-bench")
        .about("Compares cache servers that speak memcached's protocols.")
        .version(env!("CARGO_PKG_VERSION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([compare::command(), load::command(), fill::command(), respond::command()])
}

fn main() -> ExitCode {
    let matches = command().get_matches();
    let (name, matches) = matches.subcommand().expect("one is required");
    let result = match name {
        "compare" => compare::run(matches),
        "load" => load::run(matches),
        "fill" => fill::run(matches),
        _ => respond::run(matches),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("slabcore-bench {name}: {error}");
            ExitCode::FAILURE
        }
    }
}
