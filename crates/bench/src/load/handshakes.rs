//! New TLS sessions at a fixed rate, besides another load.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::servers::stream::{Endpoint, Stream};

/// Does full handshakes at a rate per second while `load` runs. Returns their number and the result
/// of `load`.
///
/// Each session is closed at once. A server that is slower than the rate gets as many as it can do.
pub(crate) fn beside<R>(
    endpoint: &Endpoint,
    per_second: u32,
    load: impl FnOnce() -> R,
) -> io::Result<(R, u64)> {
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let sessions = scope.spawn(|| {
            let gap = Duration::from_secs(1) / per_second;
            let mut due = Instant::now();
            let mut count = 0;
            while !ended.load(Ordering::Relaxed) {
                drop(Stream::open(endpoint)?);
                count += 1;
                due += gap;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            Ok(count)
        });
        let result = load();
        ended.store(true, Ordering::Relaxed);
        let count: io::Result<u64> = sessions.join().expect("handshakes do not panic");
        Ok((result, count?))
    })
}
