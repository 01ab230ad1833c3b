//! Options of all commands that move items.

use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::limits::{CONNECTIONS_MAX, SILENCE_SECONDS_MAX};
use crate::transfer::RateLimits;

/// How items are moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TransferOptions {
    pub(super) rates: RateLimits,
    /// Connections to a server.
    pub(super) connections: usize,
    /// How long a server may be silent.
    pub(super) silence_max: Duration,
    /// Whether the summary is JSON.
    pub(super) json: bool,
}

pub(super) fn arguments() -> [Arg; 5] {
    let option =
        |name: &'static str, value: &'static str| Arg::new(name).long(name).value_name(value);
    [
        option("rate", "ITEMS")
            .value_parser(|text: &str| quantity(text, 1000))
            .help("Items per second at most, as 5000 or 20k"),
        option("rate-bytes", "BYTES")
            .value_parser(|text: &str| quantity(text, 1024))
            .help("Bytes of items per second at most, as 500k, 20m or 1g"),
        option("connections", "NUMBER")
            .default_value("4")
            .value_parser(value_parser!(u64).range(1..=CONNECTIONS_MAX as u64))
            .help("Connections to each server; each has a thread"),
        option("timeout", "SECONDS")
            .default_value("10")
            .value_parser(value_parser!(u64).range(1..=SILENCE_SECONDS_MAX))
            .help("How long a server may be silent"),
        Arg::new("json").long("json").action(ArgAction::SetTrue).help("Print the summary as JSON"),
    ]
}

impl TransferOptions {
    /// The options that were given.
    pub(super) fn of(matches: &ArgMatches) -> Self {
        let number = |name: &str| matches.get_one::<u64>(name).copied();
        Self {
            rates: RateLimits {
                items_per_second: number("rate"),
                bytes_per_second: number("rate-bytes"),
            },
            connections: number("connections").expect("it has a default") as usize,
            silence_max: Duration::from_secs(number("timeout").expect("it has a default")),
            json: matches.get_flag("json"),
        }
    }
}

/// Reads a number of at least 1. `k`, `m` and `g` multiply it by powers of `step`.
fn quantity(text: &str, step: u64) -> Result<u64, String> {
    let (digits, factor) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], step),
        Some((at, 'm' | 'M')) => (&text[..at], step.pow(2)),
        Some((at, 'g' | 'G')) => (&text[..at], step.pow(3)),
        _ => (text, 1),
    };
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    number.filter(|&it| it > 0).ok_or_else(|| "it is a number from 1 on, as 5000, 20k or 1m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(quantity(text, 1024).ok(), expected, "{text}");
        };
        check("5000", Some(5000));
        check("20k", Some(20 << 10));
        check("1G", Some(1 << 30));
        check("0", None);
        check("k", None);
        check("", None);
        check("-1", None);
        check("1.5m", None);
        check("18446744073709551615k", None);
        check("5ß", None);
    }
}
