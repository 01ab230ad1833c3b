//! The order to publish a shard's numbers, as a scrape gives it to the executor.
//!
//! Not a message: the mailbox's channel makes its reader wait for a sender that lost its core
//! half-way, and whoever scrapes has the lowest priority. Here nobody waits for anybody, and orders
//! that come faster than they are carried out do not pile up.

use std::sync::atomic::{AtomicU64, Ordering};

/// See the module. One executor carries out, any thread orders.
#[derive(Debug, Default)]
pub(crate) struct PublishOrder {
    /// Number of the latest order.
    given: AtomicU64,
    /// Number of the latest order carried out.
    done: AtomicU64,
}

impl PublishOrder {
    /// Gives an order and returns its number. The executor may sleep: wake it after this.
    pub(crate) fn give(&self) -> u64 {
        self.given.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// True if the numbers were published after this order was given.
    pub(crate) fn is_done(&self, order: u64) -> bool {
        // Pairs with the release in `set_done`: the numbers are read after this.
        self.done.load(Ordering::Acquire) >= order
    }

    /// Executor: an order that is not carried out yet.
    #[inline]
    pub(crate) fn pending(&self) -> Option<u64> {
        let order = self.given.load(Ordering::Relaxed);
        (order != self.done.load(Ordering::Relaxed)).then_some(order)
    }

    /// Executor: this order, from [`Self::pending`], is carried out.
    pub(crate) fn set_done(&self, order: u64) {
        self.done.store(order, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_that_comes_while_one_is_carried_out_is_not_lost() {
        let orders = PublishOrder::default();
        assert_eq!(orders.pending(), None);
        let first = orders.give();
        let taken = orders.pending().unwrap();
        let second = orders.give();
        orders.set_done(taken);
        assert!(orders.is_done(first) && !orders.is_done(second));
        orders.set_done(orders.pending().unwrap());
        assert!(orders.is_done(second));
        assert_eq!(orders.pending(), None);
    }
}
