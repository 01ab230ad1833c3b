//! `slabcore-tool`: looks into a running Slabcore or memcached.
//!
//! **Purpose.** `slabcore-tool top` shows what a server does: on a screen that is refreshed, or
//! once as text or JSON.
//!
//! **Goals.** Works with every memcached, as far as its statistics tell.
//!
//! **Non-goals.** Changing a server; keeping a history.
//!
//! **Invariants.** A server can neither make it panic, nor keep memory without a bound, nor send
//! control sequences to the terminal. The terminal is restored at every end.
//!
//! **Rooms**, from the ground up: `statistics`, `report`, `view`, `link`, `screen`, `live`.
//! `sampler.rs` joins `link` and `report`.

mod escaped;
mod limits;
mod link;
mod live;
mod options;
mod report;
mod sampler;
mod screen;
mod statistics;
mod view;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::thread;

use crate::options::{Form, TopOptions};
use crate::report::Report;
use crate::sampler::Sampler;

/// Exit status of a mistake on the command line, as clap's.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let matches = options::command().get_matches();
    let Some(matches) = matches.subcommand_matches("top") else { return ExitCode::from(USAGE) };
    let options = match TopOptions::of(matches) {
        Ok(options) => options,
        Err(error) => return fail(&error, USAGE),
    };
    if options.form == Form::Screen && !io::stdout().is_terminal() {
        return fail("the output is no terminal: --once prints a report", USAGE);
    }
    match top(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

fn fail(error: &str, status: u8) -> ExitCode {
    eprintln!("slabcore-tool: {error}");
    ExitCode::from(status)
}

fn top(options: TopOptions) -> Result<(), String> {
    let TopOptions { address, encryption, login, form, interval } = options;
    let mut sampler = Sampler::new(address, encryption, login);
    if form == Form::Screen {
        return live::run(sampler, interval);
    }
    let report = |sampler: &mut Sampler| {
        sampler.report().map_err(|error| format!("{}: {error}", sampler.address()))
    };
    let mut latest = report(&mut sampler)?;
    if !interval.is_zero() {
        thread::sleep(interval);
        latest = report(&mut sampler)?;
    }
    print(&latest, form)
}

/// Prints a report to stdout. A reader that has gone is not an error.
fn print(report: &Report, form: Form) -> Result<(), String> {
    let text = if form == Form::Json { view::json(report) } else { view::plain_text(report) };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error.to_string()),
        _ => Ok(()),
    }
}
