//! Cas uniques by the order in which they were told, so that sessions with different ones compare.

/// The uniques that a session has told its client.
#[derive(Debug, Default)]
pub struct Uniques {
    told: Vec<u64>,
}

impl Uniques {
    /// The unique that a client means by `number`: the first told for 1, and so on; one that
    /// nobody has for a number that is too high.
    pub fn meant(&self, number: u64) -> u64 {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| self.told.get(index)).copied().unwrap_or(u64::MAX)
    }

    /// The number by which the client knows `unique`.
    pub fn number(&mut self, unique: u64) -> u64 {
        let known = self.told.iter().position(|&told| told == unique);
        let index = known.unwrap_or_else(|| {
            self.told.push(unique);
            self.told.len() - 1
        });
        index as u64 + 1
    }
}
