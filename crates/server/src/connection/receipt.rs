//! When the input that a connection carries was received.
//!
//! A carry has whole requests only if they wait: for their turn, or for room in the output. Their
//! wait is a part of their time. Bytes that are no whole request have no time yet: a request is
//! received with its last byte.

/// When the requests in a connection's carry were received.
///
/// Only two times are kept. Bytes that arrive later share the second one, until those of the first
/// are executed. So a request may seem to have waited longer than it did, by no more than those
/// bytes took.
#[derive(Debug, Default)]
pub(crate) struct Receipt {
    /// Bytes at the start of the carry with the first time. 0: no whole request waits.
    first_bytes: usize,
    /// When they were received, in nanoseconds of the clock.
    first: u64,
    /// When the oldest of the other bytes were received. 0: there are none.
    rest: u64,
}

impl Receipt {
    /// Bytes were received and added to the carry, which has `carried_bytes` with them.
    pub(crate) fn add(&mut self, now: u64, carried_bytes: usize) {
        if self.first_bytes == 0 || (self.first == now && self.rest == 0) {
            (self.first, self.first_bytes) = (now, carried_bytes);
        } else if self.rest == 0 {
            self.rest = now;
        }
    }

    /// When the requests that are executed next were received. `now`, if they did not wait.
    pub(crate) fn of_next(&self, now: u64) -> u64 {
        if self.first_bytes == 0 { now } else { self.first }
    }

    /// Bytes at the start of the carry were executed, and `left_bytes` are left.
    pub(crate) fn consume(&mut self, bytes: usize, left_bytes: usize) {
        if bytes < self.first_bytes {
            self.first_bytes -= bytes;
        } else if self.rest != 0 {
            *self = Self { first_bytes: left_bytes, first: self.rest, rest: 0 };
        } else {
            self.first_bytes = 0;
        }
    }

    /// No whole request waits any more.
    #[inline]
    pub(crate) fn end_wait(&mut self) {
        (self.first_bytes, self.rest) = (0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_incomplete_request_is_received_with_its_last_byte() {
        let mut receipt = Receipt::default();
        receipt.add(10, 5);
        receipt.end_wait();
        receipt.add(20, 9);
        assert_eq!(receipt.of_next(20), 20);
    }

    #[test]
    fn what_came_later_is_not_taken_for_older_than_the_rest() {
        let mut receipt = Receipt::default();
        assert_eq!(receipt.of_next(7), 7);
        receipt.add(10, 100);
        receipt.add(10, 150);
        receipt.add(20, 250);
        receipt.add(30, 350);
        assert_eq!(receipt.of_next(30), 10);
        receipt.consume(149, 201);
        assert_eq!(receipt.of_next(30), 10);
        receipt.consume(51, 150);
        assert_eq!(receipt.of_next(30), 20);
        receipt.add(40, 200);
        receipt.consume(150, 50);
        assert_eq!(receipt.of_next(40), 40);
        receipt.consume(50, 0);
        assert_eq!(receipt.of_next(50), 50);
    }
}
