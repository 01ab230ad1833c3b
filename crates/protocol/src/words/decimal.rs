//! Unsigned numbers as decimal text, two digits at a time, without `core::fmt`.

/// "00" to "99".
const DIGIT_PAIRS: [[u8; 2]; 100] = digit_pairs();

const fn digit_pairs() -> [[u8; 2]; 100] {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number: u8 = 0;
    while let Some(pair) = pairs.split_at_mut(number as usize).1.first_mut() {
        *pair = [b'0'.wrapping_add(number / 10), b'0'.wrapping_add(number % 10)];
        number = number.wrapping_add(1);
    }
    pairs
}

/// Bytes of the longest text that a [`Tail`] holds: ` <flags> <length> <cas unique>\r\n`.
pub(crate) const TAIL_BYTES_MAX: usize = 1 + 10 + 1 + 20 + 1 + 20 + 2;

/// A piece of text that is written from its end to its start, because division yields the last
/// digit first.
pub(crate) struct Tail {
    bytes: [u8; TAIL_BYTES_MAX],
    /// First byte in use.
    start: usize,
}

impl Tail {
    #[inline]
    pub(crate) fn new() -> Self {
        Self { bytes: [0; TAIL_BYTES_MAX], start: TAIL_BYTES_MAX }
    }

    /// Puts `piece` before the text. There is always room: see [`TAIL_BYTES_MAX`].
    #[inline]
    pub(crate) fn prepend<const N: usize>(&mut self, piece: [u8; N]) {
        debug_assert!(self.start >= N);
        let start = self.start.saturating_sub(N);
        if let Some(place) = self.bytes.get_mut(start..self.start) {
            place.copy_from_slice(&piece);
        }
        self.start = start;
    }

    /// Puts the digits of `number` before the text.
    #[inline]
    pub(crate) fn prepend_number(&mut self, mut number: u64) {
        while number >= 100 {
            self.prepend(digit_pair(number % 100));
            number /= 100;
        }
        if number >= 10 {
            self.prepend(digit_pair(number));
        } else {
            self.prepend([b'0'.wrapping_add(number as u8)]);
        }
    }

    #[inline]
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }
}

/// The digits of a number under 10,000 as text, the first in the lowest byte, and their count. The
/// other bytes are zero.
#[inline]
pub(crate) fn short_digits(number: usize) -> Option<(u32, u32)> {
    let number = u32::try_from(number).ok().filter(|number| *number < 10_000)?;
    // Two lanes of 16 bits have two digits each. For such numbers 103 / 1024 is close enough to a
    // tenth.
    let pairs = (number / 100) | (number % 100) << 16;
    let tens = (pairs.wrapping_mul(103) >> 10) & 0x000f_000f;
    let ones = pairs.wrapping_sub(tens.wrapping_mul(10));
    let digits = tens | ones << 8;
    // The last digit is kept, also if it is 0.
    let zeros = (digits | 1 << 24).trailing_zeros() / 8;
    let text = (digits | 0x3030_3030).wrapping_shr(zeros.wrapping_mul(8));
    Some((text, 4_u32.wrapping_sub(zeros)))
}

/// The two digits of a number under 100.
#[inline]
fn digit_pair(number: u64) -> [u8; 2] {
    DIGIT_PAIRS.get(number as usize).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    fn check(number: u64) {
        let mut tail = Tail::new();
        tail.prepend_number(number);
        assert_eq!(tail.as_bytes(), number.to_string().as_bytes());
    }

    #[test]
    fn digits_are_those_of_display() {
        (0..=if cfg!(miri) { 200 } else { 10_000 }).for_each(check);
        for power in 0..20 {
            let number = 10_u64.pow(power);
            check(number.wrapping_sub(1));
            check(number);
            check(number.wrapping_add(1));
        }
        check(u64::MAX);
    }

    #[test]
    fn short_numbers_are_those_of_display() {
        for number in 0..10_000 {
            let (text, count) = short_digits(number).unwrap();
            let text = text.to_le_bytes();
            let (digits, rest) = text.split_at(count as usize);
            assert_eq!(digits, number.to_string().as_bytes());
            assert!(rest.iter().all(|byte| *byte == 0), "{number}");
        }
        assert_eq!(short_digits(10_000), None);
        assert_eq!(short_digits(usize::MAX), None);
    }

    #[test]
    fn the_longest_tail_fits() {
        let mut tail = Tail::new();
        tail.prepend(*b"\r\n");
        for number in [u64::MAX, u64::MAX, u64::from(u32::MAX)] {
            tail.prepend_number(number);
            tail.prepend([b' ']);
        }
        assert_eq!(tail.as_bytes().len(), TAIL_BYTES_MAX);
        assert!(tail.as_bytes().starts_with(b" 4294967295 18446744073709551615 "));
    }
}
