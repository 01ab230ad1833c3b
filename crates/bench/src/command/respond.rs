//! A server without a cache: every request has the same length and the same reply. `compare` starts
//! it to see what the kernel alone costs.

use std::error::Error;
use std::io::{self, Read, Write};

use clap::{Arg, ArgMatches, Command, value_parser};

use crate::host::cores;
use crate::limits::REPLY_BYTES_MAX;
use crate::responder::responder::Responder;

const DETAILS: &str = "\
It reads the reply from its input, and prints the address where it listens: a free port of
127.0.0.1. It answers on an io_uring like that of Slabcore's executors, with one thread, until it is
killed.

  printf 'END\\r\\n' | slabcore-bench respond --request-bytes 7";

/// The command line.
#[must_use]
pub fn command() -> Command {
    Command::new("respond")
        .about("Answers every request with the same bytes.")
        .after_help(DETAILS)
        .arg(
            Arg::new("request-bytes")
                .long("request-bytes")
                .value_name("N")
                .required(true)
                .help("Length of a request")
                .value_parser(value_parser!(u32).range(1..)),
        )
}

/// Answers until the process is ended.
pub fn run(matches: &ArgMatches) -> Result<(), Box<dyn Error>> {
    let request_bytes: u32 = *matches.get_one("request-bytes").expect("it is required");
    let mut reply = Vec::new();
    io::stdin().take(REPLY_BYTES_MAX as u64 + 1).read_to_end(&mut reply)?;
    if reply.is_empty() || reply.len() > REPLY_BYTES_MAX {
        return Err(format!("the reply is not within 1 to {REPLY_BYTES_MAX} bytes").into());
    }
    cores::raise_open_files()?;
    let responder = Responder::new(request_bytes as usize, &reply);
    let mut responder = responder.map_err(|error| format!("no io_uring: {error}"))?;
    println!("{}", responder.address()?);
    io::stdout().flush()?;
    loop {
        responder.turn()?;
    }
}
