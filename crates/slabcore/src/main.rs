//! `slabcore`, a memcached-compatible cache server: the program.
//!
//! **Purpose.** Takes memcached's place with the same options, defaults, messages and exit
//! statuses.
//!
//! **Goals.** An option without effect gives a warning.
//!
//! **Non-goals.** Serving clients: that is `slabcore-server`.
//!
//! **Invariants.** The process has one thread until it runs as the user of `-u` and, with `-d`, as
//! a daemon.
//!
//! **Rooms**, from the ground up: `process`, `options`, `texts`. `serve.rs` is the life of a
//! server.

mod options;
mod process;
mod refusal;
mod serve;
mod texts;
mod upgrade;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use tracing::error;

use crate::options::{Invocation, Startup};
use crate::process::{Cores, Invoked};
use crate::refusal::Refusal;
use crate::serve::serve;

fn main() -> ExitCode {
    let words: Vec<OsString> = env::args_os().collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(refusal) => {
            complain(&refusal);
            ExitCode::from(refusal.exit_code)
        }
    }
}

/// Logs the error; before the log starts, prints it to stderr.
fn complain(refusal: &Refusal) {
    if tracing::dispatcher::has_been_set() {
        error!("{refusal}");
    } else {
        eprintln!("{refusal}");
    }
}

fn run(words: &[OsString]) -> Result<(), Refusal> {
    match options::parse(words)? {
        Invocation::Help(options) => print(&texts::help(&options)),
        Invocation::Version => print(&texts::version()),
        Invocation::Generate(name) => print(&texts::named(&name)?),
        Invocation::License => print(texts::LICENSE),
        Invocation::Serve(given) => {
            options::log_format(&given)?.start();
            // As in memcached, an empty name means no file.
            let port_file = env::var_os("MEMCACHED_PORT_FILENAME").filter(|name| !name.is_empty());
            let port_file = port_file.map(PathBuf::from);
            let sasl_users = env::var_os("MEMCACHED_SASL_PWDB").map(PathBuf::from);
            let access = options::access(&given, sasl_users.as_deref())?;
            let startup = Startup::of(&given, &Cores::of_this_process(), port_file, access)?;
            return serve(startup, &Invoked::by(words));
        }
    }
    Ok(())
}

/// Prints to stdout. A reader that has gone, as in `slabcore -h | head -1`, is not an error.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}
