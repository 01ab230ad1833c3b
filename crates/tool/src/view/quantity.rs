//! Numbers as short texts with their unit.

/// What an absent number is shown as.
pub(super) const ABSENT: &str = "-";

/// A count or a rate in at most five characters: `0`, `9.5`, `999`, `1.23k`, `45.6M`.
pub(crate) fn short(number: f64) -> String {
    const UNITS: [&str; 5] = ["", "k", "M", "G", "T"];
    scaled(number, 1000.0, &UNITS)
}

/// [`short`] of a number that may be absent.
pub(super) fn short_or_absent(number: Option<f64>) -> String {
    number.map_or_else(|| ABSENT.to_owned(), short)
}

/// Bytes in binary units: `512 B`, `1.50 KiB`, `64.0 MiB`.
pub(crate) fn bytes(number: f64) -> String {
    const UNITS: [&str; 5] = [" B", " KiB", " MiB", " GiB", " TiB"];
    scaled(number, 1024.0, &UNITS)
}

/// [`bytes`] of a number that may be absent.
pub(super) fn bytes_or_absent(number: Option<u64>) -> String {
    number.map_or_else(|| ABSENT.to_owned(), |number| bytes(number as f64))
}

/// A time given in microseconds: `0.5 µs`, `120 µs`, `3.40 ms`, `1.20 s`.
pub(super) fn microseconds(number: Option<f64>) -> String {
    const UNITS: [&str; 3] = [" µs", " ms", " s"];
    number.map_or_else(|| ABSENT.to_owned(), |number| scaled(number, 1000.0, &UNITS))
}

/// A part of a whole, 0 to 1, in percent: `93.21 %`.
pub(crate) fn percent(part: Option<f64>) -> String {
    part.map_or_else(|| ABSENT.to_owned(), |part| format!("{:.2} %", part * 100.0))
}

/// Seconds as the two largest units: `45 s`, `3 min 5 s`, `2 h 0 min`, `12 d 4 h`.
pub(crate) fn seconds(number: u64) -> String {
    match number {
        0..60 => format!("{number} s"),
        60..3600 => format!("{} min {} s", number / 60, number % 60),
        3600..86_400 => format!("{} h {} min", number / 3600, number % 3600 / 60),
        _ => format!("{} d {} h", number / 86_400, number % 86_400 / 3600),
    }
}

/// Seconds as the largest unit alone, for a narrow column.
pub(super) fn age(number: Option<u64>) -> String {
    match number {
        None => ABSENT.to_owned(),
        Some(number @ 0..120) => format!("{number}s"),
        Some(number @ 120..7200) => format!("{}m", number / 60),
        Some(number @ 7200..172_800) => format!("{}h", number / 3600),
        Some(number) => format!("{}d", number / 86_400),
    }
}

/// The number in the first unit in which it is below `step`, with three digits.
fn scaled(number: f64, step: f64, units: &[&str]) -> String {
    let mut number = number;
    let mut unit = 0;
    // What would be rounded up to the step belongs to the next unit.
    while number >= step - 0.5 && unit + 1 < units.len() {
        number /= step;
        unit += 1;
    }
    let decimals = match number {
        _ if unit == 0 && number.fract() == 0.0 => 0,
        0.0..9.995 if unit > 0 => 2,
        0.0..99.95 => 1,
        _ => 0,
    };
    format!("{number:.decimals$}{}", units.get(unit).unwrap_or(&""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let check = |number: f64, expected: &str| assert_eq!(short(number), expected, "{number}");
        check(0.0, "0");
        check(0.25, "0.2");
        check(7.0, "7");
        check(12.34, "12.3");
        check(999.4, "999");
        check(999.6, "1.00k");
        check(1234.0, "1.23k");
        check(45_678.0, "45.7k");
        check(99_960.0, "100k");
        check(999_499.0, "999k");
        check(1e6, "1.00M");
        check(1e20, "100000000T");
    }

    #[test]
    fn units() {
        assert_eq!(bytes(512.0), "512 B");
        assert_eq!(bytes(64.0 * 1024.0 * 1024.0), "64.0 MiB");
        assert_eq!(microseconds(Some(0.5)), "0.5 µs");
        assert_eq!(microseconds(Some(3400.0)), "3.40 ms");
        assert_eq!(microseconds(Some(90e6)), "90.0 s");
        assert_eq!(microseconds(None), "-");
        assert_eq!(percent(Some(0.93211)), "93.21 %");
        assert_eq!(seconds(185), "3 min 5 s");
        assert_eq!(seconds(1_051_200), "12 d 4 h");
        assert_eq!(age(Some(7300)), "2h");
    }
}
