//! Gives all keys of a server to lanes.

use super::lanes::{self, Work, of};
use crate::item::ListedKey;
use crate::link::{Connection, Server};
use crate::progress::{Position, ProgressDisplay};
use crate::statistics::Topic;
use crate::transfer::{Listing, Pace, Stop, Tally};

/// A server whose items are read, and how fast.
#[derive(Debug)]
pub(super) struct AllKeys<'s> {
    server: &'s Server,
    pace: Pace,
    stop: &'s Stop,
}

impl<'s> AllKeys<'s> {
    /// All keys of a server, not asked for yet.
    pub(super) fn new(server: &'s Server, pace: Pace, stop: &'s Stop) -> Self {
        Self { server, pace, stop }
    }

    /// Asks for the keys, gives them to the lanes, and shows how far they are.
    pub(super) fn run(
        &self,
        lanes: Vec<impl FnMut(Vec<ListedKey>, &mut Tally) -> Result<(), String> + Send>,
        verb: &'static str,
    ) -> Result<Work, String> {
        let Self { server, pace, stop } = self;
        let items_in_all = stat(server, "curr_items")?;
        let mut listing = Listing::begin(server, stop).map_err(of(server))?;
        let source = || listing.next_batch(pace).map_err(of(server));
        let mut progress = ProgressDisplay::new(verb);
        let show = |tally: &Tally| {
            progress.update(&Position {
                items: tally.items(),
                bytes: tally.bytes(),
                items_in_all: Some(items_in_all),
                part: Some(tally.items() as f64 / items_in_all.max(1) as f64),
            });
        };
        let work = lanes::run(source, lanes, stop, show);
        progress.finish();
        Ok(work)
    }

    /// Waits until the rate lets a batch begin.
    pub(super) fn wait(&self, keys: &[ListedKey]) {
        let bytes = keys.iter().map(|key| key.bytes).sum();
        self.pace.wait(keys.len() as u64, bytes, self.stop);
    }
}

/// A number of a server's statistics; 0 if the server does not say it.
pub(super) fn stat(server: &Server, name: &str) -> Result<u64, String> {
    let table = Connection::open(server).and_then(|mut it| it.table(Topic::General));
    Ok(table.map_err(of(server))?.count(name).unwrap_or(0))
}
