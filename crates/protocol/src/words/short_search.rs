//! Searches short texts, eight bytes at a time. A search made for long texts would spend most of
//! its time on setup, because keys are short.

/// Position of the first byte that is a blank or `other`.
#[inline]
pub(crate) fn blank_or(other: u8, text: &[u8]) -> Option<usize> {
    let (blanks, others) = (repeated(b' '), repeated(other));
    let (words, rest) = text.as_chunks::<8>();
    let mut at = 0_usize;
    for word in words {
        let word = u64::from_le_bytes(*word);
        let marks = zero_bytes(word ^ blanks) | zero_bytes(word ^ others);
        if marks != 0 {
            return Some(at.saturating_add(marks.trailing_zeros() as usize / 8));
        }
        at = at.saturating_add(8);
    }
    let found = rest.iter().position(|byte| *byte == b' ' || *byte == other)?;
    Some(at.saturating_add(found))
}

/// Position of the first byte of this value.
#[inline]
pub(crate) fn byte(wanted: u8, text: &[u8]) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let mut at = 0_usize;
    for word in words {
        let marks = zero_bytes(u64::from_le_bytes(*word) ^ repeated(wanted));
        if marks != 0 {
            return Some(at.saturating_add(marks.trailing_zeros() as usize / 8));
        }
        at = at.saturating_add(8);
    }
    Some(at.saturating_add(rest.iter().position(|byte| *byte == wanted)?))
}

const fn repeated(byte: u8) -> u64 {
    u64::from_le_bytes([byte; 8])
}

/// The high bit of the first zero byte. Higher bytes may be marked wrongly.
#[inline]
const fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(repeated(1)) & !word & repeated(0x80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_is_found(text in prop::collection::vec(prop_oneof![
            Just(b' '), Just(b'\n'), any::<u8>(), Just(0x1f), Just(0x21), Just(0xa0)
        ], 0..40)) {
            let expected = text.iter().position(|byte| *byte == b' ' || *byte == b'\n');
            prop_assert_eq!(blank_or(b'\n', &text), expected);
            prop_assert_eq!(byte(b'\n', &text), text.iter().position(|byte| *byte == b'\n'));
            prop_assert_eq!(blank_or(b' ', &text), text.iter().position(|byte| *byte == b' '));
        }
    }
}
