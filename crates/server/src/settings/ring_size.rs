//! How large the rings of the executors are: smaller where the process may lock little memory, as
//! the kernel charges them to that.

use crate::settings::limits::RECEIVE_BUFFERS;

/// Bytes of a submission, of its place in the queue, of a completion, and of a receive buffer's
/// place in its ring.
const SUBMISSION_BYTES: usize = 64 + 4;
const COMPLETION_BYTES: usize = 16;
const BUFFER_PLACE_BYTES: usize = 16;
/// What rounding to whole pages and the heads of the queues add.
const ROUNDING_BYTES: usize = 8 << 10;

/// Locked by glommio for each executor: measured, as the limit at which four and eight start.
const GLOMMIO_BYTES: usize = 192 << 10;
/// Below this limit glommio starts no executor, also where the limit does not count.
pub(crate) const GLOMMIO_LIMIT_BYTES_MIN: u64 = 512 << 10;

/// Entries of a ring's queues. A full submission queue is submitted on the spot, and completions
/// beyond their queue wait in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingSize {
    pub(crate) submissions: u32,
    pub(crate) completions: u32,
}

impl RingSize {
    /// Where memory may be locked.
    pub(crate) const FULL: Self = Self { submissions: 1024, completions: 8192 };

    /// Where there is hardly any.
    pub(crate) const SMALLEST: Self = Self { submissions: 64, completions: 512 };

    /// From the largest to the smallest.
    const ALL: [Self; 3] =
        [Self::FULL, Self { submissions: 256, completions: 2048 }, Self::SMALLEST];

    /// The largest of which `shards` executors may have one each, under a limit on locked memory;
    /// `None` if there is none.
    pub(crate) fn fitting(shards: usize, limit_bytes: Option<u64>) -> Option<Self> {
        let Some(limit_bytes) = limit_bytes else { return Some(Self::FULL) };
        if limit_bytes < GLOMMIO_LIMIT_BYTES_MIN {
            return None;
        }
        // The kernel gives a ring's memory back a while after its end: that of the probe counts.
        let rings = shards + 1;
        let fits = |size: &Self| ((size.bytes() + GLOMMIO_BYTES) * rings) as u64 <= limit_bytes;
        Self::ALL.into_iter().find(fits)
    }

    /// The next smaller one.
    pub(crate) fn smaller(self) -> Option<Self> {
        Self::ALL.into_iter().find(|size| size.submissions < self.submissions)
    }

    const fn bytes(self) -> usize {
        self.submissions as usize * SUBMISSION_BYTES
            + self.completions as usize * COMPLETION_BYTES
            + RECEIVE_BUFFERS as usize * BUFFER_PLACE_BYTES
            + ROUNDING_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rings_fit_the_limit_on_locked_memory() {
        let check = |shards: usize, limit_kib: Option<u64>, submissions: Option<u32>| {
            let size = RingSize::fitting(shards, limit_kib.map(|kib| kib << 10));
            assert_eq!(size.map(|it| it.submissions), submissions, "{shards} {limit_kib:?}");
        };
        check(64, None, Some(1024));
        check(1, Some(64), None);
        check(1, Some(511), None);
        check(1, Some(512), Some(256));
        check(1, Some(1024), Some(1024));
        check(2, Some(640), None);
        check(2, Some(660), Some(64));
        check(16, Some(8192), Some(1024));
        check(24, Some(8192), Some(256));
        check(32, Some(8192), Some(64));
        check(64, Some(8192), None);
    }

    #[test]
    fn each_size_has_a_smaller_one_but_the_smallest() {
        let sizes = std::iter::successors(Some(RingSize::FULL), |size| size.smaller());
        assert_eq!(sizes.collect::<Vec<_>>(), RingSize::ALL);
    }
}
