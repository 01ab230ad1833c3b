//! Cas uniques numbered in the order in which they were given, so that sessions with different ones
//! can be compared.

/// The uniques that a session has given its client.
#[derive(Debug, Default)]
pub struct Uniques {
    given: Vec<u64>,
}

impl Uniques {
    /// The cas unique that a client means by `number`: 1 is the first given. A number that is too
    /// high means a unique that no item has.
    pub fn meant(&self, number: u64) -> u64 {
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| self.given.get(index)).copied().unwrap_or(u64::MAX)
    }

    /// The client's number of `unique`.
    pub fn number(&mut self, unique: u64) -> u64 {
        let known = self.given.iter().position(|&given| given == unique);
        let index = known.unwrap_or_else(|| {
            self.given.push(unique);
            self.given.len() - 1
        });
        index as u64 + 1
    }
}
