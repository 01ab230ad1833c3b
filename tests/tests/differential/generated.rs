//! Random scripts in random splits; a difference shrinks to a short script.

use std::env;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use slabcore_testkit::generators;
use slabcore_testkit::splits::Splits;

use crate::twins::Twins;

/// How many scripts each test plays when nothing else is asked for: some seconds.
const CASES_BY_DEFAULT: u64 = 300;

fn check(threads: usize, arguments: &[&str]) {
    let cases = number("SLABCORE_DIFF_CASES", CASES_BY_DEFAULT);
    let seed = number("SLABCORE_DIFF_SEED", 0x5ab5_c04e);
    let twins = Twins::start(threads, arguments);
    let players = std::cell::RefCell::new(twins.players());
    let config = Config {
        cases: u32::try_from(cases).expect("SLABCORE_DIFF_CASES fits 32 bits"),
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed + threads as u64),
        ..Config::default()
    };
    let splits = prop_oneof![1 => Just(Splits::Whole), 3 => any::<u64>().prop_map(Splits::Random)];
    let result =
        TestRunner::new(config).run(&(generators::script(), splits), |(script, splits)| {
            players.borrow_mut().compare(&script, splits).map_err(TestCaseError::fail)
        });
    if let Err(error) = result {
        panic!("SLABCORE_DIFF_SEED={seed}: {error}");
    }
}

fn number(name: &str, default: u64) -> u64 {
    let Ok(text) = env::var(name) else { return default };
    text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number"))
}

#[test]
fn one_thread() {
    check(1, &[]);
}

#[test]
fn two_threads() {
    check(2, &[]);
}
