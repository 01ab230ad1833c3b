//! The tables of cases, cut in three ways, on one thread and on two.

use std::thread;

use slabcore_testkit::limits::POLL_PAUSE_MAX;
use slabcore_testkit::splits::Splits;

use crate::case_table;
use crate::twins::Twins;

/// Options for some tables: items of at most 16 KiB, so that limits are reached with few bytes.
const SMALL_ITEMS: &[&str] = &["-I", "16k", "-o", "slab_chunk_max=8"];

/// How often a case is played again because memcached's crawler was at work of its own accord.
const BUSY_TRIES_MAX: usize = 100;

fn is_busy(compared: &Result<(), String>) -> bool {
    compared.as_ref().is_err_and(|it| it.contains("BUSY currently processing"))
}

fn check(table: &'static str, arguments: &[&str], seed: u64) {
    let mut differences = Vec::new();
    for threads in [1, 2] {
        let twins = Twins::start(threads, arguments);
        let mut players = twins.players();
        for (number, case) in case_table::read(table).iter().enumerate() {
            eprintln!("-t {threads}, {}", case.name);
            let random = Splits::Random(seed + number as u64);
            for splits in [Splits::Whole, Splits::Bytewise, random] {
                let mut compared = players.compare(&case.script, splits);
                for _ in 0..BUSY_TRIES_MAX {
                    if !is_busy(&compared) {
                        break;
                    }
                    thread::sleep(POLL_PAUSE_MAX);
                    compared = players.compare(&case.script, splits);
                }
                if let Err(difference) = compared {
                    differences.push(format!("-t {threads}, {}: {difference}", case.name));
                    break;
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} cases:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn storage() {
    check(include_str!("cases/storage.txt"), &[], 0x51);
}

#[test]
fn retrieval() {
    check(include_str!("cases/retrieval.txt"), &[], 0x52);
}

#[test]
fn numbers() {
    check(include_str!("cases/numbers.txt"), &[], 0x53);
}

#[test]
fn expiry() {
    check(include_str!("cases/expiry.txt"), &[], 0x54);
}

#[test]
fn lines() {
    check(include_str!("cases/lines.txt"), &[], 0x55);
}

#[test]
fn sizes() {
    check(include_str!("cases/sizes.txt"), &[], 0x56);
}

#[test]
fn small_items() {
    check(include_str!("cases/small_items.txt"), SMALL_ITEMS, 0x57);
}

#[test]
fn meta() {
    check(include_str!("cases/meta.txt"), &[], 0x58);
}

#[test]
fn server_commands() {
    check(include_str!("cases/server_commands.txt"), &[], 0x59);
}

/// The tables are the readable specification, so they must not shrink.
#[test]
fn there_are_hundreds_of_cases() {
    let tables = [
        include_str!("cases/storage.txt"),
        include_str!("cases/retrieval.txt"),
        include_str!("cases/numbers.txt"),
        include_str!("cases/expiry.txt"),
        include_str!("cases/lines.txt"),
        include_str!("cases/sizes.txt"),
        include_str!("cases/small_items.txt"),
        include_str!("cases/meta.txt"),
        include_str!("cases/server_commands.txt"),
    ];
    let cases: usize = tables.iter().map(|table| case_table::read(table).len()).sum();
    assert!(cases >= 200, "only {cases} cases");
}
