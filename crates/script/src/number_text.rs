//! Numbers as words of commands.

/// The largest number up to which Redis writes whole numbers as integers.
const INTEGER_MAX: f64 = (1_i64 << 52) as f64;

/// The shortest text that is read as this number, in the notation of Redis since 7.2.
pub(super) fn number_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if number.fract() == 0.0 && number.abs() < INTEGER_MAX {
        return (number as i64).to_string();
    }
    let scientific = format!("{number:e}");
    let Some((mantissa, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let digits = mantissa.bytes().filter(u8::is_ascii_digit).count() as i32;
    // The exponent of the last digit.
    let last = exponent + 1 - digits;
    let is_plain = if last >= 0 { exponent < digits + 7 } else { last > -7 || exponent.abs() < 4 };
    if is_plain { number.to_string() } else { format!("{mantissa}e{exponent:+}") }
}

#[cfg(test)]
mod tests {
    use super::number_text;

    #[test]
    fn numbers() {
        for (number, text) in [
            (1.0, "1"),
            (-3.0, "-3"),
            (1.5, "1.5"),
            (0.1, "0.1"),
            (1e20, "1e+20"),
            (1e-10, "1e-10"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(number_text(number), text);
        }
    }
}
