//! Random scripts in random splits. A difference shrinks to a short script.

use std::cell::RefCell;
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use slabcore_testkit::script::Script;
use slabcore_testkit::splits::Splits;
use slabcore_testkit::{binaries, generators, line_mutations};

use crate::twins::Twins;

/// Default number of scripts for each test; they take some seconds.
const CASES_BY_DEFAULT: u64 = 1000;

fn check(threads: usize, scripts: impl Strategy<Value = Script>) {
    if !binaries::stock_is_current() {
        eprintln!("the oracle is older than 1.6.45, on whose replies the scripts are built");
        return;
    }
    let cases = number("SLABCORE_DIFF_CASES", CASES_BY_DEFAULT);
    let seed = number("SLABCORE_DIFF_SEED", 0x5ab5_c04e);
    let twins = RefCell::new(Twins::start(threads, &[]));
    let config = Config {
        cases: u32::try_from(cases).expect("SLABCORE_DIFF_CASES fits 32 bits"),
        failure_persistence: None,
        // A silent server costs the whole read timeout in every step.
        max_shrink_time: 60_000,
        rng_seed: RngSeed::Fixed(seed + threads as u64),
        ..Config::default()
    };
    let splits = prop_oneof![1 => Just(Splits::Whole), 3 => any::<u64>().prop_map(Splits::Random)];
    let result = TestRunner::new(config).run(&(scripts, splits), |(script, splits)| {
        let played =
            catch_unwind(AssertUnwindSafe(|| twins.borrow().players().compare(&script, splits)));
        let difference = played.unwrap_or_else(|_| {
            // A silent server stays silent, so the search for a shorter script needs a new one.
            twins.replace(Twins::start(threads, &[]));
            Err("a server fell silent or closed, see above".into())
        });
        difference.map_err(TestCaseError::fail)
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
    check(1, generators::script());
}

#[test]
fn two_threads() {
    check(2, generators::script());
}

#[test]
fn changed_lines_of_one_thread() {
    check(1, line_mutations::script());
}

#[test]
fn changed_lines_of_two_threads() {
    check(2, line_mutations::script());
}
