//! Sizes of the executors' rings. They are smaller if the process may lock little memory, because
//! the kernel counts rings as locked memory.

use crate::settings::limits::RECEIVE_BUFFERS;

/// Bytes of a submission and of its place in the queue.
const SUBMISSION_BYTES: usize = 64 + 4;
/// Bytes of a completion.
const COMPLETION_BYTES: usize = 16;
/// Bytes of a receive buffer's place in its ring.
const BUFFER_PLACE_BYTES: usize = 16;
/// Bytes added by the heads of the queues and by rounding to whole pages.
const ROUNDING_BYTES: usize = 8 << 10;

/// Bytes that glommio locks for each executor. Measured: the limits at which four and eight
/// executors start.
const GLOMMIO_BYTES: usize = 192 << 10;
/// Limit below which glommio starts no executor, even for a process that is exempt from it.
pub(crate) const GLOMMIO_LIMIT_BYTES_MIN: u64 = 512 << 10;

/// Entries of a ring's queues. A full submission queue is submitted at once; completions beyond
/// their queue wait in the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RingSize {
    pub(crate) submissions: u32,
    pub(crate) completions: u32,
}

impl RingSize {
    /// The size without a limit on locked memory.
    pub(crate) const FULL: Self = Self { submissions: 1024, completions: 8192 };

    /// The size under the lowest limit.
    pub(crate) const SMALLEST: Self = Self { submissions: 64, completions: 512 };

    /// From the largest to the smallest.
    const ALL: [Self; 3] =
        [Self::FULL, Self { submissions: 256, completions: 2048 }, Self::SMALLEST];

    /// The largest size that `shards` executors can have under a limit on locked memory; `None` if
    /// not even the smallest fits.
    pub(crate) fn fitting(shards: usize, limit_bytes: Option<u64>) -> Option<Self> {
        let Some(limit_bytes) = limit_bytes else { return Some(Self::FULL) };
        if limit_bytes < GLOMMIO_LIMIT_BYTES_MIN {
            return None;
        }
        // One more for the probe: the kernel frees a ring's memory a while after its end.
        let rings = shards + 1;
        let fits = |size: &Self| ((size.bytes() + GLOMMIO_BYTES) * rings) as u64 <= limit_bytes;
        Self::ALL.into_iter().find(fits)
    }

    /// The next smaller size.
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
