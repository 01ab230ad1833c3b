//! A number as decimal digits, without an allocation.

/// Digits of the largest 64-bit number.
pub(super) const DIGITS_MAX: usize = 20;

/// Writes the digits of a number into the end of `room` and returns them.
pub(super) fn decimal(mut number: u64, room: &mut [u8; DIGITS_MAX]) -> &[u8] {
    let mut start = DIGITS_MAX;
    loop {
        start -= 1;
        room[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return &room[start..];
        }
    }
}

/// Bytes of the longest signed 64-bit number.
pub(super) const SIGNED_BYTES_MAX: usize = DIGITS_MAX + 1;

/// As [`decimal`], for a number that may be negative.
pub(super) fn signed_decimal(number: i64, room: &mut [u8; SIGNED_BYTES_MAX]) -> &[u8] {
    let mut digits = [0; DIGITS_MAX];
    let digits = decimal(number.unsigned_abs(), &mut digits);
    let start = SIGNED_BYTES_MAX - digits.len();
    room[start..].copy_from_slice(digits);
    if number >= 0 {
        return &room[start..];
    }
    room[start - 1] = b'-';
    &room[start - 1..]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn signed_numbers_have_their_sign() {
        for number in [0, 9, -1, 12_345, -12_345, i64::MAX, i64::MIN] {
            let mut room = [0; SIGNED_BYTES_MAX];
            assert_eq!(signed_decimal(number, &mut room), number.to_string().as_bytes());
        }
    }

    #[test]
    fn numbers_have_their_digits() {
        for number in [0, 9, 10, 12_345, u64::MAX] {
            assert_eq!(decimal(number, &mut [0; DIGITS_MAX]), number.to_string().as_bytes());
        }
    }
}
