//! The watchers of the server, and the lines that wait for each of them.
//!
//! A shard keeps the lines of a turn. At its end they are numbered and copied to the watchers here,
//! under a lock that is not taken without watchers. Lines for which a watcher has no room are
//! counted, and the watcher reads the count.

use std::fmt::Write;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use slabcore_protocol::Streams;
use slabcore_shard::WatchedLines;

use crate::connection::watcher_id::WatcherId;
use crate::settings::limits::{WATCHER_BYTES_MAX, WATCHERS_MAX};

#[derive(Debug)]
struct Watcher {
    id: WatcherId,
    /// The shard whose executor serves it.
    shard: usize,
    streams: Streams,
    text: Vec<u8>,
    /// Lines left out since the last one in `text`.
    skipped: u64,
}

#[derive(Debug, Default)]
struct List {
    watchers: Vec<Watcher>,
    last_id: WatcherId,
    last_number: u64,
    counts: WatchCounts,
}

/// Counts of `stats` about watchers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WatchCounts {
    /// Current watchers.
    pub(crate) watchers: u64,
    /// Lines made by shards.
    pub(crate) written: u64,
    /// Lines for which a shard had no room.
    pub(crate) dropped: u64,
    /// Lines copied to watchers.
    pub(crate) sent: u64,
    /// Lines for which a watcher had no room.
    pub(crate) skipped: u64,
}

/// The watchers of the server, with the lines that wait for each.
#[derive(Debug)]
pub(crate) struct Watchers {
    /// Streams that have at least one watcher.
    streams: AtomicU8,
    list: Mutex<List>,
    /// For each shard, whether lines wait for a watcher of its executor.
    pending: Vec<AtomicBool>,
}

impl Watchers {
    pub(crate) fn new(shards: usize) -> Self {
        Self {
            streams: AtomicU8::new(0),
            list: Mutex::default(),
            pending: (0..shards).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Streams that have at least one watcher.
    #[inline]
    pub(crate) fn streams(&self) -> Streams {
        Streams::from_bits(self.streams.load(Ordering::Relaxed))
    }

    /// Adds a watcher that a shard's executor serves; `None` if there are too many.
    pub(crate) fn add(&self, shard: usize, streams: Streams) -> Option<WatcherId> {
        let mut list = self.list();
        if list.watchers.len() >= WATCHERS_MAX {
            return None;
        }
        list.last_id += 1;
        let id = list.last_id;
        list.watchers.push(Watcher { id, shard, streams, text: Vec::new(), skipped: 0 });
        self.publish_streams(&list);
        Some(id)
    }

    /// The streams that a watcher reads.
    pub(crate) fn streams_of(&self, id: WatcherId) -> Streams {
        let list = self.list();
        let watcher = list.watchers.iter().find(|watcher| watcher.id == id);
        watcher.map_or_else(Streams::default, |watcher| watcher.streams)
    }

    /// Removes a watcher.
    pub(crate) fn remove(&self, id: WatcherId) {
        let mut list = self.list();
        list.watchers.retain(|watcher| watcher.id != id);
        self.publish_streams(&list);
    }

    fn publish_streams(&self, list: &List) {
        let all = list.watchers.iter().fold(Streams::default(), |all, it| all | it.streams);
        self.streams.store(all.bits(), Ordering::Relaxed);
    }

    /// Copies lines to the watchers. Calls `wake` for each shard with lines for its watchers.
    pub(crate) fn distribute(&self, lines: &WatchedLines, mut wake: impl FnMut(usize)) {
        let mut list = self.list();
        let List { watchers, last_number, counts, .. } = &mut *list;
        counts.dropped += lines.dropped;
        let mut prefix = String::new();
        for (stream, line) in lines.iter() {
            *last_number += 1;
            counts.written += 1;
            prefix.clear();
            write_prefix(&mut prefix, *last_number);
            for watcher in watchers.iter_mut().filter(|it| it.streams.meets(stream)) {
                if watcher.push(&prefix, line) {
                    counts.sent += 1;
                    self.pending[watcher.shard].store(true, Ordering::Relaxed);
                } else {
                    counts.skipped += 1;
                }
            }
        }
        for (shard, pending) in self.pending.iter().enumerate() {
            if pending.load(Ordering::Relaxed) {
                wake(shard);
            }
        }
    }

    /// Whether lines have come for watchers of a shard.
    pub(crate) fn is_pending(&self, shard: usize) -> bool {
        self.pending[shard].load(Ordering::Relaxed)
    }

    /// The watchers of a shard are about to be served.
    pub(crate) fn begin_serving(&self, shard: usize) {
        self.pending[shard].store(false, Ordering::Relaxed);
    }

    /// Moves up to `room` bytes of a watcher's lines to `out`.
    pub(crate) fn take(&self, id: WatcherId, room: usize, out: &mut Vec<u8>) {
        let mut list = self.list();
        let Some(watcher) = list.watchers.iter_mut().find(|it| it.id == id) else { return };
        let taken = room.min(watcher.text.len());
        out.extend(watcher.text.drain(..taken));
        if watcher.text.is_empty() {
            watcher.text = Vec::new();
        }
    }

    /// For `stats`.
    pub(crate) fn counts(&self) -> WatchCounts {
        let list = self.list();
        WatchCounts { watchers: list.watchers.len() as u64, ..list.counts }
    }
}

impl Watcher {
    /// Adds a line; false if there is no room.
    fn push(&mut self, prefix: &str, line: &[u8]) -> bool {
        if self.text.len() + prefix.len() + line.len() >= WATCHER_BYTES_MAX {
            self.skipped += 1;
            return false;
        }
        if self.skipped > 0 {
            self.text.extend_from_slice(format!("skipped={}\n", self.skipped).as_bytes());
            self.skipped = 0;
        }
        self.text.extend_from_slice(prefix.as_bytes());
        self.text.extend_from_slice(line);
        self.text.push(b'\n');
        true
    }
}

/// Writes time and number of a line. Like memcached, does not pad the microseconds.
fn write_prefix(prefix: &mut String, number: u64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (seconds, microseconds) = (now.as_secs(), now.subsec_micros());
    // Writing to a string cannot fail.
    let _ = write!(prefix, "ts={seconds}.{microseconds} gid={number} ");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(stream: Streams, texts: &[&str]) -> WatchedLines {
        let mut lines = WatchedLines::default();
        for text in texts {
            lines.push(stream, |out| out.extend_from_slice(text.as_bytes()));
        }
        lines
    }

    fn taken(watchers: &Watchers, id: WatcherId) -> String {
        let mut out = Vec::new();
        watchers.take(id, usize::MAX, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_watcher_gets_its_streams() {
        let watchers = Watchers::new(2);
        let fetchers = watchers.add(0, Streams::FETCHERS).unwrap();
        let both = watchers.add(1, Streams::FETCHERS | Streams::EVICTIONS).unwrap();
        assert_eq!(watchers.streams(), Streams::FETCHERS | Streams::EVICTIONS);
        let mut woken = Vec::new();
        watchers.distribute(&lines(Streams::EVICTIONS, &["e"]), |shard| woken.push(shard));
        assert_eq!(woken, [1]);
        watchers.begin_serving(1);
        watchers.distribute(&lines(Streams::FETCHERS, &["f", "g"]), |_| {});
        assert_eq!(taken(&watchers, fetchers).matches("gid=").count(), 2);
        let text = taken(&watchers, both);
        let numbers: Vec<_> = text.lines().map(|line| line.split(' ').nth(1).unwrap()).collect();
        assert_eq!(numbers, ["gid=1", "gid=2", "gid=3"]);
        watchers.remove(both);
        assert_eq!(watchers.streams(), Streams::FETCHERS);
        let counts = WatchCounts { watchers: 1, written: 3, dropped: 0, sent: 5, skipped: 0 };
        assert_eq!(watchers.counts(), counts);
    }

    #[test]
    fn a_slow_watcher_reads_how_many_lines_it_missed() {
        let watchers = Watchers::new(1);
        let id = watchers.add(0, Streams::FETCHERS).unwrap();
        let long = "x".repeat(WATCHER_BYTES_MAX / 2);
        for text in [&*long, &long, &long, "short"] {
            watchers.distribute(&lines(Streams::FETCHERS, &[text]), |_| {});
        }
        // Two do not fit beside the first; the short one does.
        let text = taken(&watchers, id);
        let rest = text.split_once("skipped=2\n").expect("a count").1;
        assert!(rest.ends_with(" gid=4 short\n"), "{rest}");
        assert!(rest.starts_with("ts=") && rest.lines().count() == 1, "{rest}");
        assert_eq!(watchers.counts().skipped, 2);
    }

    #[test]
    fn there_is_a_limit() {
        let watchers = Watchers::new(1);
        let ids: Vec<_> = (0..WATCHERS_MAX).map(|_| watchers.add(0, Streams::SYSTEM)).collect();
        assert!(ids.iter().all(Option::is_some));
        assert_eq!(watchers.add(0, Streams::SYSTEM), None);
        watchers.remove(ids[3].unwrap());
        assert!(watchers.add(0, Streams::SYSTEM).is_some());
    }
}
