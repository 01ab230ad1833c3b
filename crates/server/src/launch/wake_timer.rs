//! A thread that wakes sleeping executors when their shards have background work.
//!
//! A sleeping executor reclaims nothing. Without this thread, the expired items of an idle server
//! would be counted, and fill its memory, until the next request. The thread sleeps until the
//! earliest tick in [`DueTicks`](crate::shared::due_ticks::DueTicks), so it is idle while nothing
//! is due. If the items are in a file, it notes there each second that the server has it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::shared::shared_state::SharedState;

/// The running thread.
pub(super) struct WakeTimer {
    shared: Arc<SharedState>,
    stopping: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl WakeTimer {
    /// Starts the thread. A server has one.
    pub(super) fn start(shared: &Arc<SharedState>) -> io::Result<Self> {
        let stopping = Arc::new(AtomicBool::new(false));
        let (of_thread, stopped) = (Arc::clone(shared), Arc::clone(&stopping));
        let thread = std::thread::Builder::new()
            .name("slabcore-timer".to_owned())
            .spawn(move || wake_when_due(&of_thread, &stopped))?;
        Ok(Self { shared: Arc::clone(shared), stopping, thread })
    }

    /// Ends it.
    pub(super) fn stop(self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.shared.due_ticks.wake_thread();
        self.thread.thread().unpark();
        // It has ended either way.
        let _ = self.thread.join();
    }
}

fn wake_when_due(shared: &SharedState, stopping: &AtomicBool) {
    shared.due_ticks.register_thread();
    while !stopping.load(Ordering::SeqCst) {
        let now = shared.clock.now().tick();
        for shard in shared.due_ticks.take_due(now) {
            shared.mailboxes[shard].wake();
        }
        if let Some(file) = &shared.memory_file {
            file.note_alive();
        }
        let longest = shared.memory_file.as_ref().map(|_| 1);
        let due = shared.due_ticks.earliest().map(|tick| tick.saturating_sub(now));
        match due.into_iter().chain(longest).min() {
            // It was set since, and is due: the next round takes it.
            Some(0) => {}
            Some(seconds) => std::thread::park_timeout(Duration::from_secs(seconds.into())),
            None => std::thread::park(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::time::Instant;

    use slabcore_metrics::{Counter, Gauge};

    use crate::settings::BackendChoice;
    use crate::whole_server::{PATIENCE, WholeServer, connect, settings};

    /// Sends commands with one line of reply each.
    fn send(server: &WholeServer, commands: &str, replies: &str) {
        let mut client = connect(server.address);
        client.write_all(commands.as_bytes()).unwrap();
        let mut received = vec![0; replies.len()];
        client.read_exact(&mut received).unwrap();
        assert_eq!(String::from_utf8_lossy(&received), replies);
    }

    /// Waits until executors have published that they have no items. It asks nothing of them, so
    /// only the timer wakes them.
    fn wait_until_empty(server: &WholeServer) {
        let deadline = Instant::now() + PATIENCE;
        let items = || -> u64 {
            let published = server.running.published();
            published.iter().map(|shard| shard.gauge(Gauge::CurrItems)).sum()
        };
        while items() > 0 {
            assert!(Instant::now() < deadline, "{} items are left", items());
            std::thread::yield_now();
        }
    }

    /// Executors that slept kept expired items, and a delayed flush waited for a request.
    #[test]
    fn idle_shards_take_back_what_is_dead() {
        for backend in [BackendChoice::Epoll, BackendChoice::Auto] {
            let server = WholeServer::start(settings(backend));
            let sets = |ttl| -> String {
                let sets = (0..1_000).map(|n| format!("set k{n} 0 {ttl} 1\r\nx\r\n"));
                sets.collect::<Vec<_>>().concat()
            };
            send(&server, &sets(1), &"STORED\r\n".repeat(1_000));
            wait_until_empty(&server);
            send(&server, &sets(0), &"STORED\r\n".repeat(1_000));
            send(&server, "flush_all 1\r\n", "OK\r\n");
            wait_until_empty(&server);
            server.running.stop();
        }
    }

    /// Only the shard of the client that asked for a crawl had one.
    #[test]
    fn a_crawl_has_all_shards_turn() {
        let server = WholeServer::start(settings(BackendChoice::Epoll));
        let turns = || -> Vec<u64> {
            let published = server.running.published();
            published.iter().map(|shard| shard.get(Counter::Turns)).collect()
        };
        let before = turns();
        send(&server, "lru_crawler crawl all\r\n", "OK\r\n");
        let after = turns();
        assert!(before.iter().zip(&after).all(|(before, after)| before < after), "{before:?}");
        server.running.stop();
    }
}
