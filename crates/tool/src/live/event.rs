//! What happens while the screen is shown. Each source has a thread of its own.

use std::io;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use ratatui::crossterm::event::{self, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::limits::EVENTS_MAX;
use crate::report::Report;
use crate::sampler::Sampler;
use crate::screen::Key;

/// One of them.
#[derive(Debug)]
pub(super) enum Event {
    /// A new report, or why there is none.
    Sampled(Box<Result<Report, String>>),
    /// A key that means something.
    Pressed(Key),
    /// The terminal has another size.
    Resized,
    /// A signal asks for the end.
    Signalled,
    /// The terminal gives no more keys.
    NoKeys(io::Error),
}

/// Starts all sources. They end with the process.
pub(super) fn start(sampler: Sampler, interval: Duration) -> io::Result<Receiver<Event>> {
    let (sender, receiver) = sync_channel(EVENTS_MAX);
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    let on_signal = sender.clone();
    spawn("signals", move || {
        if signals.forever().next().is_some() {
            let _ = on_signal.send(Event::Signalled);
        }
    })?;
    let on_key = sender.clone();
    spawn("keys", move || read_keys(&on_key))?;
    spawn("samples", move || take_samples(sampler, interval, &sender))?;
    Ok(receiver)
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> io::Result<()> {
    // It runs until the process ends.
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop)
}

/// Sends a report each interval. An error of sending means that the screen has ended.
fn take_samples(mut sampler: Sampler, interval: Duration, events: &SyncSender<Event>) {
    let mut due = Instant::now();
    loop {
        let report = sampler.report().map_err(|error| error.to_string());
        if events.send(Event::Sampled(Box::new(report))).is_err() {
            return;
        }
        // After a server that was slow the next sample is an interval later, not at once.
        due = (due + interval).max(Instant::now());
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

fn read_keys(events: &SyncSender<Event>) {
    loop {
        let event = match event::read() {
            Ok(event::Event::Key(key)) => key_of(key).map(Event::Pressed),
            Ok(event::Event::Resize(..)) => Some(Event::Resized),
            Ok(_) => None,
            Err(error) => {
                let _ = events.send(Event::NoKeys(error));
                return;
            }
        };
        if event.is_some_and(|event| events.send(event).is_err()) {
            return;
        }
    }
}

/// What a key means.
fn key_of(event: KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    let control = event.modifiers.contains(KeyModifiers::CONTROL);
    Some(match event.code {
        KeyCode::Char('c' | 'd') if control => Key::Quit,
        KeyCode::Char(_) if control => return None,
        KeyCode::Char('q' | 'Q') => Key::Quit,
        KeyCode::Tab | KeyCode::Right => Key::NextPanel,
        KeyCode::BackTab | KeyCode::Left => Key::PreviousPanel,
        KeyCode::Enter => Key::Alone,
        KeyCode::Char('s') => Key::Sort,
        KeyCode::Char('r') => Key::Reverse,
        KeyCode::Char('p' | ' ') => Key::Pause,
        KeyCode::Up | KeyCode::Char('k') => Key::Up,
        KeyCode::Down | KeyCode::Char('j') => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        _ => return None,
    })
}
