//! Orders to read the certificate again that clients gave and no thread has begun.
//!
//! One thread at a time reads the files, once for all orders that came before it began.

use slabcore_shard::Ticket;

/// A client that waits for the reply, and the shard that serves it.
pub(crate) type Asked = (usize, Ticket);

/// See the module. Each order with a reply has a slot of its connection, which bounds them.
#[derive(Debug, Default)]
pub(crate) struct ReloadOrders {
    asked: Vec<Asked>,
    /// Some order came, with a reply or without.
    is_due: bool,
    /// A thread is at work, and looks for further orders before it ends.
    is_under_way: bool,
}

impl ReloadOrders {
    /// Takes an order; `None`: it wants no reply. True if a thread must be started for it.
    pub(crate) fn push(&mut self, asked: Option<Asked>) -> bool {
        self.asked.extend(asked);
        self.is_due = true;
        !std::mem::replace(&mut self.is_under_way, true)
    }

    /// Takes back the order for which no thread could be started.
    pub(crate) fn take_back(&mut self) {
        *self = Self::default();
    }

    /// Those who wait for the files to be read now. `None`: nobody ordered it, and the thread ends.
    pub(crate) fn take(&mut self) -> Option<Vec<Asked>> {
        self.is_under_way = std::mem::take(&mut self.is_due);
        self.is_under_way.then(|| std::mem::take(&mut self.asked))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_obeys_all_orders() {
        let asked = |slot| (0, Ticket { connection: 0, generation: 0, slot });
        let mut orders = ReloadOrders::default();
        assert!(orders.push(Some(asked(0))), "the first order starts a thread");
        assert!(!orders.push(Some(asked(1))));
        assert_eq!(orders.take(), Some(vec![asked(0), asked(1)]));
        // The files may have changed since that thread began to read them.
        assert!(!orders.push(None));
        assert_eq!(orders.take(), Some(Vec::new()));
        assert_eq!(orders.take(), None);
        assert!(orders.push(Some(asked(2))), "that thread has ended");
    }
}
