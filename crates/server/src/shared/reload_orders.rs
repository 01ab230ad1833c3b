//! Orders to read the certificate again that clients gave and no thread has begun.
//!
//! One thread at a time reads the files, once for all orders that came before it began.

use slabcore_shard::{ShardId, Ticket};

/// A client that waits for the files to be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// The shard that serves it.
    pub(crate) shard: ShardId,
    pub(crate) ticket: Ticket,
    /// Only a failure is replied.
    pub(crate) noreply: bool,
}

/// See the module. Each order has a slot of its connection, which bounds them.
#[derive(Debug, Default)]
pub(super) struct ReloadOrders {
    asked: Vec<Asked>,
    /// A thread is at work, and looks for further orders before it ends.
    is_under_way: bool,
}

impl ReloadOrders {
    /// Takes an order. True if a thread must be started for it.
    pub(super) fn push(&mut self, asked: Asked) -> bool {
        self.asked.push(asked);
        !std::mem::replace(&mut self.is_under_way, true)
    }

    /// Takes back the order for which no thread could be started.
    pub(super) fn take_back(&mut self) {
        *self = Self::default();
    }

    /// Those who wait for the files to be read now. `None`: nobody ordered it, and the thread ends.
    pub(super) fn take(&mut self) -> Option<Vec<Asked>> {
        self.is_under_way = !self.asked.is_empty();
        self.is_under_way.then(|| std::mem::take(&mut self.asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_obeys_all_orders() {
        let asked = |slot| {
            let ticket = Ticket { connection: 0, generation: 0, slot };
            Asked { shard: ShardId::new(0), ticket, noreply: false }
        };
        let mut orders = ReloadOrders::default();
        assert!(orders.push(asked(0)), "the first order starts a thread");
        assert!(!orders.push(asked(1)));
        assert_eq!(orders.take(), Some(vec![asked(0), asked(1)]));
        // The files may have changed since that thread began to read them.
        assert!(!orders.push(asked(2)));
        assert_eq!(orders.take(), Some(vec![asked(2)]));
        assert_eq!(orders.take(), None);
        assert!(orders.push(asked(3)), "that thread has ended");
    }
}
