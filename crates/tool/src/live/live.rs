//! Shows the screen until a key or a signal ends it.

use std::time::Duration;
use std::{io, panic};

use ratatui::DefaultTerminal;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::execute;

use super::event::{self, Event};
use crate::sampler::Sampler;
use crate::screen::{Progress, ScreenState, draw};

/// Shows the screen. On return the terminal is as it was before; after a panic, too.
pub(crate) fn run(sampler: Sampler, interval: Duration) -> Result<(), String> {
    let state = ScreenState::new(&sampler.address().to_string());
    let ended = take_terminal()
        .map_err(|error| format!("the terminal cannot be used: {error}"))
        .and_then(|terminal| show(terminal, state, sampler, interval));
    ratatui::restore();
    ended
}

/// Takes the whole terminal. From now on a panic restores it before its message: a release build
/// ends without unwinding.
fn take_terminal() -> io::Result<DefaultTerminal> {
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        // What ratatui's own hook leaves out, which runs before this one.
        let _ = execute!(io::stdout(), Show);
        hook(info);
    }));
    ratatui::try_init()
}

fn show(
    mut terminal: DefaultTerminal,
    mut state: ScreenState,
    sampler: Sampler,
    interval: Duration,
) -> Result<(), String> {
    let events = event::start(sampler, interval)
        .map_err(|error| format!("a thread cannot be started: {error}"))?;
    loop {
        terminal
            .draw(|frame| draw(frame, &mut state))
            .map_err(|error| format!("the terminal takes no output: {error}"))?;
        let Ok(event) = events.recv() else { return Err("all threads have ended".to_owned()) };
        match event {
            Event::Sampled(sampled) => match *sampled {
                Ok(report) => state.take_report(&report),
                Err(trouble) => state.take_trouble(&trouble),
            },
            Event::Pressed(key) => {
                if state.press(key) == Progress::Ends {
                    return Ok(());
                }
            }
            // The next round draws all of it.
            Event::Resized => {}
            Event::Signalled => return Ok(()),
            Event::NoKeys(error) => return Err(format!("the terminal gives no keys: {error}")),
        }
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
