//! A thread that wakes every executor periodically, and notices one that does not turn.
//!
//! It raises the signal that a scrape raises ([`PublishSignal`]), so a turn has nothing more to
//! check. An executor that obeys it also closes connections that are idle for too long. The thread
//! exists only with a service manager's watchdog or an idle timeout; otherwise an idle server
//! sleeps.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::shared::publish_signal::PublishSignal;
use crate::shared::shared_state::SharedState;

/// The running thread.
pub(super) struct Heartbeat {
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Heartbeat {
    /// Gives orders every `period`, and calls `alive` each time when all executors have obeyed the
    /// ones before.
    pub(super) fn start(
        shared: &Arc<SharedState>,
        period: Duration,
        alive: impl Fn() + Send + 'static,
    ) -> io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let shared = Arc::clone(shared);
        let thread = std::thread::Builder::new()
            .name("slabcore-beat".to_owned())
            .spawn(move || beat(&shared, period, alive, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// Ends it.
    pub(super) fn stop(self) {
        drop(self.stop);
        // It has ended either way.
        let _ = self.thread.join();
    }
}

fn beat(shared: &SharedState, period: Duration, alive: impl Fn(), stopped: &Receiver<()>) {
    let signals = &shared.publish_signals;
    loop {
        let raised: Vec<u64> = signals.iter().map(PublishSignal::raise).collect();
        for mailbox in &shared.mailboxes {
            mailbox.wake();
        }
        if stopped.recv_timeout(period) != Err(RecvTimeoutError::Timeout) {
            return;
        }
        if signals.iter().zip(&raised).all(|(it, &signal)| it.is_answered(signal)) {
            alive();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::launch::executor_setup::make_setups;
    use crate::settings::BackendChoice;
    use crate::shared::shared_state::Backend;
    use crate::whole_server::{WholeServer, settings};

    /// A function to call when all executors are alive, and the count of its calls.
    fn counted() -> (Arc<AtomicU64>, impl Fn() + Send + 'static) {
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        (count, move || {
            counter.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[test]
    fn executors_that_sleep_turn_at_each_beat() {
        for backend in [BackendChoice::Epoll, BackendChoice::Auto] {
            let mut server = WholeServer::start(settings(backend));
            let (count, alive) = counted();
            server.running.watch(Duration::from_millis(1), alive).unwrap();
            while count.load(Ordering::Relaxed) < 3 {
                std::thread::yield_now();
            }
            server.running.stop();
        }
    }

    #[test]
    fn an_executor_that_is_stuck_is_noticed() {
        let backend = Backend::Epoll(String::new());
        let settings = settings(BackendChoice::Epoll);
        // No executor is made from the setups: nobody obeys.
        let (shared, _setups) =
            make_setups(settings, backend, &[], Vec::new(), 1).map_err(drop).unwrap();
        shared.publish_signals[0].answer(u64::MAX);
        let (count, alive) = counted();
        let heartbeat = Heartbeat::start(&shared, Duration::from_micros(100), alive).unwrap();
        while shared.publish_signals[1].pending() < Some(10) {
            std::thread::yield_now();
        }
        heartbeat.stop();
        assert_eq!(count.load(Ordering::Relaxed), 0, "one executor of two did not turn");
    }
}
