//! Whole numbers of any length, as far as reading and showing decimal numbers needs them.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

/// Decimal digits that are handled at once.
const CHUNK_DIGITS: u32 = 9;
const CHUNK: u32 = 10_u32.pow(CHUNK_DIGITS);

/// Bits of a quotient: those of a long double's mantissa and more, to round it.
const QUOTIENT_BITS: u32 = 70;

/// A number, never negative.
#[derive(Clone, Debug)]
pub(super) struct BigNumber {
    /// Its 32-bit digits, the lowest first. The last one is not 0.
    limbs: Vec<u32>,
}

impl From<u64> for BigNumber {
    fn from(number: u64) -> Self {
        let mut limbs = Vec::from([number as u32, (number >> u32::BITS) as u32]);
        while limbs.last() == Some(&0) {
            limbs.pop();
        }
        Self { limbs }
    }
}

impl BigNumber {
    /// The number with these decimal digits.
    pub(super) fn of_digits(digits: &[u8]) -> Self {
        let mut number = Self { limbs: Vec::new() };
        for chunk in digits.chunks(CHUNK_DIGITS as usize) {
            let (mut factor, mut value) = (1_u32, 0_u32);
            for digit in chunk {
                factor = factor.wrapping_mul(10);
                value = value.wrapping_mul(10).wrapping_add(u32::from(digit.wrapping_sub(b'0')));
            }
            number.multiply_and_add(factor, value);
        }
        number
    }

    fn multiply_and_add(&mut self, factor: u32, summand: u32) {
        let mut carry = u64::from(summand);
        for limb in &mut self.limbs {
            // At most (2^32 - 1)^2 + 2^32 - 1.
            carry = u64::from(*limb).wrapping_mul(u64::from(factor)).wrapping_add(carry);
            *limb = carry as u32;
            carry >>= u32::BITS;
        }
        if carry > 0 {
            self.limbs.push(carry as u32);
        }
    }

    /// Multiplies it by 10 to the `power`.
    pub(super) fn multiply_by_power_of_ten(&mut self, power: u32) {
        let mut left = power;
        while left > 0 {
            let digits = left.min(CHUNK_DIGITS);
            self.multiply_and_add(10_u32.pow(digits), 0);
            left = left.wrapping_sub(digits);
        }
    }

    /// Multiplies it by 2 to the power of `bits`.
    pub(super) fn shift_left(&mut self, bits: u32) {
        if self.limbs.is_empty() {
            return;
        }
        self.multiply_and_add(1 << (bits % u32::BITS), 0);
        let zeros = core::iter::repeat_n(0, (bits / u32::BITS) as usize);
        self.limbs.splice(0..0, zeros);
    }

    /// Number of its bits.
    fn bits(&self) -> u32 {
        let Some(last) = self.limbs.last() else { return 0 };
        let all = u32::try_from(self.limbs.len()).unwrap_or(u32::MAX).saturating_mul(u32::BITS);
        all.saturating_sub(last.leading_zeros())
    }

    /// Its highest 97 bits or more, or all, and how many bits follow them. The lowest one is set if
    /// one of those is.
    pub(super) fn highest_bits(&self) -> (u128, i32) {
        const KEPT: usize = 4;
        let dropped = self.limbs.len().saturating_sub(KEPT);
        let (low, high) = self.limbs.split_at_checked(dropped).unwrap_or_default();
        let high = high.iter().rev();
        let bits = high.fold(0_u128, |bits, &limb| bits << u32::BITS | u128::from(limb));
        let is_more = low.iter().any(|&limb| limb != 0);
        let dropped = u32::try_from(dropped).unwrap_or(u32::MAX).saturating_mul(u32::BITS);
        (bits | u128::from(is_more), dropped.cast_signed())
    }

    /// Divides it by 10 to the `power`. The quotient is the first number times 2 to the second; its
    /// lowest bit is set if there is a rest.
    pub(super) fn divided_by_power_of_ten(mut self, power: u32) -> (u128, i32) {
        // 10 is 5 times 2, and the power of 2 only changes the exponent.
        let mut divisor = Self::from(1);
        let mut left = power;
        while left > 0 {
            let fives = left.min(13);
            divisor.multiply_and_add(5_u32.pow(fives), 0);
            left = left.wrapping_sub(fives);
        }
        let power = power.cast_signed();
        // The quotient has `QUOTIENT_BITS` bits, or one more.
        let shift = divisor.bits().saturating_add(QUOTIENT_BITS).cast_signed();
        let shift = shift.saturating_sub(self.bits().cast_signed());
        if shift >= 0 {
            self.shift_left(shift.unsigned_abs());
        } else {
            divisor.shift_left(shift.unsigned_abs());
        }
        let mut quotient = 0_u128;
        divisor.shift_left(QUOTIENT_BITS);
        for _ in 0..=QUOTIENT_BITS {
            quotient <<= 1;
            if self.subtract_if_possible(&divisor) {
                quotient |= 1;
            }
            divisor.halve();
        }
        let has_rest = !self.limbs.is_empty();
        (
            quotient << 1 | u128::from(has_rest),
            power.saturating_add(shift).saturating_add(1).wrapping_neg(),
        )
    }

    /// Subtracts a number that is not larger.
    fn subtract_if_possible(&mut self, other: &Self) -> bool {
        let is_less = match self.limbs.len().cmp(&other.limbs.len()) {
            core::cmp::Ordering::Equal => self.limbs.iter().rev().lt(other.limbs.iter().rev()),
            order => order.is_lt(),
        };
        if is_less {
            return false;
        }
        let mut borrow = false;
        for (index, limb) in self.limbs.iter_mut().enumerate() {
            let other = other.limbs.get(index).copied().unwrap_or_default();
            let (rest, first) = limb.overflowing_sub(other);
            let (rest, second) = rest.overflowing_sub(u32::from(borrow));
            (*limb, borrow) = (rest, first || second);
        }
        self.trim();
        true
    }

    /// Divides it by two.
    fn halve(&mut self) {
        let mut carry = 0;
        for limb in self.limbs.iter_mut().rev() {
            (*limb, carry) = (*limb >> 1 | carry, *limb << 31);
        }
        self.trim();
    }

    fn trim(&mut self) {
        while self.limbs.last() == Some(&0) {
            self.limbs.pop();
        }
    }

    /// Its decimal digits.
    pub(super) fn into_decimal(mut self) -> String {
        let mut chunks = Vec::new();
        while !self.limbs.is_empty() {
            let mut rest = 0_u64;
            for limb in self.limbs.iter_mut().rev() {
                rest = rest << u32::BITS | u64::from(*limb);
                let divisor = u64::from(CHUNK);
                *limb = rest.checked_div(divisor).unwrap_or_default() as u32;
                rest = rest.checked_rem(divisor).unwrap_or_default();
            }
            self.trim();
            chunks.push(rest);
        }
        let mut text = format!("{}", chunks.pop().unwrap_or_default());
        for chunk in chunks.iter().rev() {
            // It cannot fail.
            let _ = write!(text, "{chunk:09}");
        }
        text
    }
}
