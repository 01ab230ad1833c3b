//! Compares all items of a server with those of another one.

use std::time::Instant;

use super::all_keys::AllKeys;
use super::lanes::of;
use super::summary::Summary;
use crate::item::{Item, ListedKey, Ttl};
use crate::link::Server;
use crate::transfer::{Found, ItemReader, Outcome, Pace, RateLimits, Stop, Tally};

/// By how many seconds ttls may differ: servers count whole seconds, which begin at other times.
const TTL_SECONDS_OFF_MAX: u64 = 1;

/// The same for a ttl that was given as a Unix time, which two clocks were needed for.
const UNIX_TTL_SECONDS_OFF_MAX: u64 = 2;

/// Two servers that are compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison<'s> {
    pub(super) from: &'s Server,
    pub(super) to: &'s Server,
    pub(super) rates: RateLimits,
    /// Connections to each server.
    pub(super) connections: usize,
}

impl Comparison<'_> {
    /// Reads each item of `from` on both servers.
    pub(super) fn run(self, stop: &Stop) -> Result<Summary, String> {
        let began = Instant::now();
        let all_keys = AllKeys::begin(self.from, stop)?;
        let pace = Pace::new(self.rates, stop);
        let mut lanes = Vec::new();
        for _ in 0..self.connections {
            let mut pair = Pair::connect(self)?;
            let pace = &pace;
            lanes.push(move |keys: Vec<ListedKey>, tally: &mut Tally| {
                pace.wait_for(&keys);
                pair.compare_all(keys, tally)
            });
        }
        let work = all_keys.run(&pace, lanes, stop, "verifying");
        Ok(Summary::new("verified", work, began.elapsed()))
    }
}

/// A connection to each server.
struct Pair<'s> {
    servers: Comparison<'s>,
    from: ItemReader,
    to: ItemReader,
}

impl<'s> Pair<'s> {
    fn connect(servers: Comparison<'s>) -> Result<Self, String> {
        let from = ItemReader::connect(servers.from).map_err(of(servers.from))?;
        let to = ItemReader::connect(servers.to).map_err(of(servers.to))?;
        Ok(Self { servers, from, to })
    }

    /// Compares the items of some keys. What differs is looked at again, alone: it may have changed
    /// between the two reads.
    fn compare_all(&mut self, keys: Vec<ListedKey>, tally: &mut Tally) -> Result<(), String> {
        let mut different = Vec::new();
        self.ask(keys)?;
        while let Some((key, from, to)) = self.next()? {
            let outcome = compare(&from, &to);
            match outcome {
                _ if outcome.is_failure() => different.push((key, from)),
                Outcome::Same => tally.add_same(bytes(&from)),
                _ => tally.add(outcome, &key.key),
            }
        }
        for (key, before) in different {
            self.ask(vec![key])?;
            while let Some((key, from, to)) = self.next()? {
                let outcome = match compare(&from, &to) {
                    outcome if outcome.is_failure() && has_changed(&before, &from) => {
                        Outcome::Changed
                    }
                    outcome => outcome,
                };
                tally.add(outcome, &key.key);
            }
        }
        Ok(())
    }

    fn ask(&mut self, keys: Vec<ListedKey>) -> Result<(), String> {
        self.from.ask(keys.clone()).map_err(of(self.servers.from))?;
        self.to.ask(keys).map_err(of(self.servers.to))
    }

    fn next(&mut self) -> Result<Option<(ListedKey, Found, Found)>, String> {
        let from = self.from.next().map_err(of(self.servers.from))?;
        let to = self.to.next().map_err(of(self.servers.to))?;
        Ok(from.zip(to).map(|((key, from), (_, to))| (key, from, to)))
    }
}

fn bytes(found: &Found) -> u64 {
    match found {
        Found::Item(item) => item.bytes(),
        Found::Nothing(_) => 0,
    }
}

fn has_changed(before: &Found, now: &Found) -> bool {
    match (before, now) {
        (Found::Item(before), Found::Item(now)) => compare_items(before, now) != Outcome::Same,
        _ => true,
    }
}

/// What the two servers' answers about a key mean.
fn compare(from: &Found, to: &Found) -> Outcome {
    match (from, to) {
        (Found::Item(from), Found::Item(to)) => compare_items(from, to),
        (Found::Nothing(outcome), _) => outcome.clone(),
        (Found::Item(_), Found::Nothing(Outcome::Unfinished)) => Outcome::Unfinished,
        (Found::Item(_), Found::Nothing(Outcome::Refused(line))) => Outcome::Refused(line.clone()),
        (Found::Item(from), Found::Nothing(_)) => match from.ttl {
            // It expires there a second earlier.
            Ttl::Seconds(0..=TTL_SECONDS_OFF_MAX) => Outcome::Expired,
            _ => Outcome::Missing,
        },
    }
}

fn compare_items(from: &Item, to: &Item) -> Outcome {
    let ttls_agree = match (from.ttl, to.ttl) {
        (Ttl::Never, Ttl::Never) => true,
        (Ttl::Seconds(one), Ttl::Seconds(other)) => {
            let is_unix = from.ttl.needs_clock() || to.ttl.needs_clock();
            let off_max = if is_unix { UNIX_TTL_SECONDS_OFF_MAX } else { TTL_SECONDS_OFF_MAX };
            one.abs_diff(other) <= off_max
        }
        _ => false,
    };
    if from.value != to.value {
        Outcome::OtherValue
    } else if from.flags != to.flags {
        Outcome::OtherFlags
    } else if ttls_agree {
        Outcome::Same
    } else {
        Outcome::OtherTtl
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::GetReply;

    fn item(line: &str, value: &str) -> Item {
        let GetReply::Value(_, mut item) = GetReply::parse(line.as_bytes(), b"k") else {
            panic!("{line} is no item");
        };
        item.value = value.as_bytes().to_vec();
        *item
    }

    #[test]
    fn differences_are_named() {
        let check = |line: &str, value: &str, expected: Outcome| {
            let from = item("VA 1 kk f5 t100", "x");
            assert_eq!(compare_items(&from, &item(line, value)), expected, "{line} {value}");
        };
        check("VA 1 kk f5 t100", "x", Outcome::Same);
        check("VA 1 kk f5 t101", "x", Outcome::Same);
        check("VA 1 kk f5 t99", "x", Outcome::Same);
        check("VA 1 kk f5 t98", "x", Outcome::OtherTtl);
        check("VA 1 kk f5 t-1", "x", Outcome::OtherTtl);
        check("VA 1 kk f4 t100", "x", Outcome::OtherFlags);
        check("VA 1 kk f4 t100", "y", Outcome::OtherValue);
        check("VA 0 kk f5 t100", "", Outcome::OtherValue);
    }

    #[test]
    fn what_is_about_to_expire_may_be_gone() {
        let check = |line: &str, expected: Outcome| {
            let from = Found::Item(Box::new(item(line, "x")));
            assert_eq!(compare(&from, &Found::Nothing(Outcome::Vanished)), expected, "{line}");
        };
        check("VA 1 kk f5 t1", Outcome::Expired);
        check("VA 1 kk f5 t2", Outcome::Missing);
        check("VA 1 kk f5 t-1", Outcome::Missing);
    }
}
