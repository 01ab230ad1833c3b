//! Gives all keys of a server to lanes.

use super::lanes::{self, Work, of};
use crate::item::ListedKey;
use crate::link::{Connection, Server};
use crate::progress::{Position, ProgressDisplay};
use crate::statistics::Topic;
use crate::transfer::{Listing, Pace, Stop, Tally};

/// A server's keys, as it lists them.
#[derive(Debug)]
pub(super) struct AllKeys<'s> {
    server: &'s Server,
    listing: Listing,
    items_in_all: u64,
}

impl<'s> AllKeys<'s> {
    /// Asks for the keys.
    pub(super) fn begin(server: &'s Server, stop: &Stop) -> Result<Self, String> {
        let items_in_all = stat(server, "curr_items")?;
        let listing = Listing::begin(server, stop).map_err(of(server))?;
        Ok(Self { server, listing, items_in_all })
    }

    /// Gives the keys to the lanes, and shows how far they are.
    pub(super) fn run(
        mut self,
        pace: &Pace,
        lanes: Vec<impl FnMut(Vec<ListedKey>, &mut Tally) -> Result<(), String> + Send>,
        stop: &Stop,
        verb: &'static str,
    ) -> Work {
        let source = || self.listing.next_batch(pace).map_err(of(self.server));
        let mut progress = ProgressDisplay::new(verb);
        let items_in_all = self.items_in_all;
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
        work
    }
}

/// A number of a server's statistics; 0 if the server does not say it.
pub(super) fn stat(server: &Server, name: &str) -> Result<u64, String> {
    let table = Connection::open(server).and_then(|mut it| it.table(Topic::General));
    Ok(table.map_err(of(server))?.count(name).unwrap_or(0))
}
