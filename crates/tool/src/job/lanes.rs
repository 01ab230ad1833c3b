//! Threads that share the batches of one source.

use std::sync::mpsc::{RecvTimeoutError, channel, sync_channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::limits::PROGRESS_PAUSE;
use crate::link::{LinkError, Server};
use crate::transfer::{Stop, Tally};

/// What came out of it.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub(super) tally: Tally,
    /// Why it ended early.
    pub(super) error: Option<String>,
}

/// Gives the source's batches to the lanes, each of which is a thread, and shows the tally now and
/// then. Ends when the source does. The first error, or the order to stop, ends all of them.
pub(super) fn run<B: Send>(
    mut source: impl FnMut() -> Result<Option<B>, String> + Send,
    lanes: Vec<impl FnMut(B, &mut Tally) -> Result<(), String> + Send>,
    stop: &Stop,
    mut show: impl FnMut(&Tally),
) -> Work {
    let work = Mutex::new(Work::default());
    let fail = |error: String| {
        stop.set();
        locked(&work).error.get_or_insert(error);
    };
    let (sender, receiver) = sync_channel(lanes.len());
    let receiver = Mutex::new(receiver);
    // Each thread holds a sender; the channel is closed once all have ended.
    let (running, all_ended) = channel::<()>();
    thread::scope(|scope| {
        let of_source = running.clone();
        let fail = &fail;
        scope.spawn(move || {
            let _running = of_source;
            while !stop.is_set() {
                let batch = match source() {
                    Ok(Some(batch)) => batch,
                    Ok(None) => return,
                    Err(error) => return fail(error),
                };
                // The lanes take batches until the source ends.
                sender.send(batch).expect("a lane ended before the source");
            }
        });
        for mut lane in lanes {
            let of_lane = running.clone();
            let (work, receiver) = (&work, &receiver);
            scope.spawn(move || {
                let _running = of_lane;
                // The lock is held while it waits; the others would only wait as well.
                let next = || locked(receiver).recv();
                while let Ok(batch) = next() {
                    // The source must not wait for room when all are to end.
                    if stop.is_set() {
                        continue;
                    }
                    let mut tally = Tally::default();
                    let done = lane(batch, &mut tally);
                    locked(work).tally.merge(tally);
                    done.unwrap_or_else(fail);
                }
            });
        }
        drop(running);
        while all_ended.recv_timeout(PROGRESS_PAUSE) == Err(RecvTimeoutError::Timeout) {
            show(&locked(&work).tally);
        }
    });
    let mut work = work.into_inner().unwrap_or_else(PoisonError::into_inner);
    if stop.is_signalled() {
        work.error.get_or_insert_with(|| "ended by a signal".to_owned());
    }
    work
}

/// A panic of a thread ends the process as soon as the others have ended.
pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The text of a server's error.
pub(super) fn of(server: &Server) -> impl Fn(LinkError) -> String {
    move |error| format!("{}: {error}", server.address())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::Outcome;

    /// The work of some lanes, and the batches taken from the source.
    fn work(batches: u64, fails_at: Option<u64>) -> (Work, u64) {
        let mut next = 0;
        let source = || {
            next += 1;
            Ok((next <= batches).then_some(next))
        };
        let lane = |batch: u64, tally: &mut Tally| {
            tally.add(Outcome::Vanished, b"");
            if Some(batch) == fails_at { Err(format!("failed at {batch}")) } else { Ok(()) }
        };
        let work = run(source, vec![lane; 3], &Stop::default(), |_| {});
        (work, next)
    }

    #[test]
    fn each_batch_is_taken_once() {
        let (work, _) = work(1000, None);
        assert_eq!((work.tally.items(), work.error), (1000, None));
    }

    #[test]
    fn an_error_ends_all() {
        let (work, taken) = work(u64::MAX - 1, Some(500));
        assert_eq!(work.error.as_deref(), Some("failed at 500"));
        assert!(work.tally.items() >= 498 && work.tally.items() <= taken);
    }

    #[test]
    fn an_error_of_the_source_ends_all() {
        let lane = |(), _: &mut Tally| Ok(());
        let work = run(|| Err("gone".to_owned()), vec![lane; 2], &Stop::default(), |_| {});
        assert_eq!(work.error.as_deref(), Some("gone"));
    }
}
