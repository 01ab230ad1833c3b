//! The counts of a replay.

/// Gets and their misses, in requests and in value bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MissTally {
    /// Gets.
    pub gets: u64,
    /// Gets that found nothing.
    pub misses: u64,
    /// Bytes of the requested values.
    pub get_bytes: u64,
    /// Of these, bytes that were missed.
    pub miss_bytes: u64,
    /// Sets that the cache refused; they are misses later.
    pub refused: u64,
}

impl MissTally {
    /// Counts one get of a value of this many bytes.
    #[inline]
    pub fn count(&mut self, value_bytes: u32, hit: bool) {
        self.gets += 1;
        self.get_bytes += u64::from(value_bytes);
        if !hit {
            self.misses += 1;
            self.miss_bytes += u64::from(value_bytes);
        }
    }

    /// Misses in percent of gets.
    #[must_use]
    pub fn miss_percent(&self) -> f64 {
        percent(self.misses, self.gets)
    }

    /// Missed bytes in percent of requested bytes.
    #[must_use]
    pub fn byte_miss_percent(&self) -> f64 {
        percent(self.miss_bytes, self.get_bytes)
    }
}

fn percent(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64 * 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages() {
        let mut tally = MissTally::default();
        assert!(tally.miss_percent().abs() < f64::EPSILON);
        for (value_bytes, hit) in [(100, true), (300, false), (100, true), (300, true)] {
            tally.count(value_bytes, hit);
        }
        assert!((tally.miss_percent() - 25.0).abs() < 1e-9);
        assert!((tally.byte_miss_percent() - 37.5).abs() < 1e-9);
    }
}
