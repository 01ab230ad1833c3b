//! Requests to read the certificate again that no thread has begun with.
//!
//! One thread at a time reads the files, once for all requests that came before it began.

use slabcore_shard::{ShardId, Ticket};

/// The `refresh_certs` of a client, which waits for the files to be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ReloadRequest {
    /// The shard that serves the client.
    pub(crate) shard: ShardId,
    pub(crate) ticket: Ticket,
    /// The client wants a reply only if the files cannot be read.
    pub(crate) noreply: bool,
}

/// The waiting requests to read the certificate. Each has a slot of its connection, which bounds
/// them.
#[derive(Debug, Default)]
pub(super) struct ReloadRequests {
    waiting: Vec<ReloadRequest>,
    /// A thread reads the files, and looks for further requests before it ends.
    is_under_way: bool,
}

impl ReloadRequests {
    /// Adds a request. True if a thread must be started for it.
    pub(super) fn push(&mut self, request: ReloadRequest) -> bool {
        self.waiting.push(request);
        !std::mem::replace(&mut self.is_under_way, true)
    }

    /// Removes the request for which no thread could be started.
    pub(super) fn take_back(&mut self) {
        *self = Self::default();
    }

    /// The requests that the next read of the files answers. `None` if there are none: the thread
    /// ends.
    pub(super) fn take(&mut self) -> Option<Vec<ReloadRequest>> {
        self.is_under_way = !self.waiting.is_empty();
        self.is_under_way.then(|| std::mem::take(&mut self.waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_answers_all_requests() {
        let request = |slot| {
            let ticket = Ticket { connection: 0, generation: 0, slot };
            ReloadRequest { shard: ShardId::new(0), ticket, noreply: false }
        };
        let mut requests = ReloadRequests::default();
        assert!(requests.push(request(0)), "the first request starts a thread");
        assert!(!requests.push(request(1)));
        assert_eq!(requests.take(), Some(vec![request(0), request(1)]));
        // The files may have changed since that thread began to read them.
        assert!(!requests.push(request(2)));
        assert_eq!(requests.take(), Some(vec![request(2)]));
        assert_eq!(requests.take(), None);
        assert!(requests.push(request(3)), "that thread has ended");
    }
}
