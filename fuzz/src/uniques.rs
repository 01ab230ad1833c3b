//! Cas uniques by the order in which they were given, so that sessions with different ones compare.

/// The uniques that a session has given its client.
#[derive(Debug, Default)]
pub struct Uniques {
    given: Vec<u64>,
}

impl Uniques {
    /// The unique that a client means by `number`: the first given for 1, and so on; one that
    /// nobody has for a number that is too high.
    pub fn meant(&self, number: u64) -> u64 {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| self.given.get(index)).copied().unwrap_or(u64::MAX)
    }

    /// The number by which the client knows `unique`.
    pub fn number(&mut self, unique: u64) -> u64 {
        let known = self.given.iter().position(|&given| given == unique);
        let index = known.unwrap_or_else(|| {
            self.given.push(unique);
            self.given.len() - 1
        });
        index as u64 + 1
    }
}
