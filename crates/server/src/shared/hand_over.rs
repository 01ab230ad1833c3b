//! The connections that have left their executors for another process, and the executors that
//! touch the item memory no more.

use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use slabcore_shard::UploadId;

use crate::connection::connection_record::{ConnectionRecord, InputPlace};
use crate::connection::input_state::Upload;

/// What an executor does next while another process takes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TakeOverOrder {
    /// End the connections under TLS: they take no more requests.
    FinishEncrypted,
    /// Let all other connections leave.
    HandOver,
    /// Save the shard's record, and touch the item memory no more.
    Rest,
    /// Serve on: nobody has taken over.
    Serve,
}

/// A connection without an executor.
#[derive(Debug)]
pub(crate) struct Departed {
    pub(crate) socket: OwnedFd,
    pub(crate) record: ConnectionRecord,
    /// The value that it was sending. Its first bytes are still in its shard.
    pub(crate) upload: Option<Upload>,
}

/// The first bytes of a request whose value has not arrived whole; `None`: they are lost.
pub(crate) type CutRequest = (UploadId, Option<Vec<u8>>);

/// What executors give up while another process takes over.
#[derive(Debug, Default)]
pub(crate) struct HandOver {
    departed: Mutex<Vec<Departed>>,
    cut_requests: Mutex<Vec<CutRequest>>,
    /// Executors that touch the item memory no more.
    at_rest: AtomicUsize,
    /// Those that could not save a record of their shard.
    without_record: AtomicUsize,
    /// Connections under TLS that executors serve. They do not leave.
    encrypted: AtomicUsize,
}

impl HandOver {
    /// Executor: a connection under TLS has come.
    pub(crate) fn encrypted_opened(&self) {
        self.encrypted.fetch_add(1, Ordering::Relaxed);
    }

    /// Executor: a connection under TLS has ended.
    pub(crate) fn encrypted_ended(&self) {
        self.encrypted.fetch_sub(1, Ordering::Relaxed);
    }

    /// Connections under TLS that executors serve.
    pub(crate) fn encrypted(&self) -> usize {
        self.encrypted.load(Ordering::Relaxed)
    }

    /// Executor: a connection has left.
    pub(crate) fn put(&self, departed: Departed) {
        self.departed().push(departed);
    }

    /// Executor: these uploads have ended in its shard.
    pub(crate) fn put_cut_requests(&self, mut requests: Vec<CutRequest>) {
        lock(&self.cut_requests).append(&mut requests);
    }

    /// How many connections have left.
    pub(crate) fn departed_count(&self) -> usize {
        self.departed().len()
    }

    /// Takes all connections that have left. If the executors are at rest, requests that were cut
    /// are whole up to where they were cut.
    pub(crate) fn take(&self) -> Vec<Departed> {
        let mut departed = std::mem::take(&mut *self.departed());
        let mut requests = std::mem::take(&mut *lock(&self.cut_requests));
        for Departed { record, upload, .. } in &mut departed {
            let id = upload.as_ref().map(Upload::id);
            if let Some(place) = requests.iter().position(|(it, _)| Some(*it) == id) {
                let (_, bytes) = requests.swap_remove(place);
                give_back(record, upload.as_ref(), bytes);
                *upload = None;
            }
        }
        departed
    }

    /// Executor: touches the item memory no more. `is_saved`: the shard has a record there.
    pub(crate) fn note_rest(&self, is_saved: bool) {
        self.without_record.fetch_add(usize::from(!is_saved), Ordering::Relaxed);
        self.at_rest.fetch_add(1, Ordering::Release);
    }

    /// How many executors touch the item memory no more.
    pub(crate) fn at_rest(&self) -> usize {
        self.at_rest.load(Ordering::Acquire)
    }

    /// Whether the records of all shards are there. All executors are at rest.
    pub(crate) fn has_records(&self) -> bool {
        self.without_record.load(Ordering::Relaxed) == 0
    }

    /// The executors are about to serve again.
    pub(crate) fn end_rest(&self) {
        self.without_record.store(0, Ordering::Relaxed);
        self.at_rest.store(0, Ordering::Release);
    }

    fn departed(&self) -> MutexGuard<'_, Vec<Departed>> {
        lock(&self.departed)
    }
}

/// Puts the first bytes of a cut request before the input that has come since.
fn give_back(record: &mut ConnectionRecord, upload: Option<&Upload>, bytes: Option<Vec<u8>>) {
    let Some(mut input) = bytes else {
        // Nobody knows what its value was: no memory was found for it.
        record.place = InputPlace::Closing;
        return;
    };
    input.extend_from_slice(upload.map_or(&[], Upload::arrived_line_end));
    input.append(&mut record.input);
    record.input = input;
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
