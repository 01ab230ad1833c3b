//! Cases with literal replies: those that memcached 1.6.45 and the older 1.6.38 answer differently,
//! with the replies of 1.6.45, and those that Slabcore answers differently on purpose.
//!
//! So Slabcore can be checked where only the older memcached is available. A memcached 1.6.45 plays
//! the same tables.

use slabcore_testkit::binaries;
use slabcore_testkit::playback::Player;
use slabcore_testkit::replies::shown;
use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::splits::Splits;

use crate::case_table::{self, Case};
use crate::twins::must_agree;

const OF_45: &str = include_str!("cases/expected_45.txt");
const BY_DECISION: &str = include_str!("cases/by_decision.txt");
const BEHIND_DUMPS: &str = include_str!("cases/behind_dumps.txt");

/// Plays a table and returns the cases whose replies are not those of the table.
fn differences(kind: ServerKind, threads: usize, table: &'static str) -> Vec<String> {
    let server = ServerProcess::new(kind, threads);
    let mut player = Player::new(&server);
    let mut different = |(number, case): (usize, &Case)| {
        let expected = case.replies.as_ref().expect("this table has replies");
        let splits = [Splits::Whole, Splits::Bytewise, Splits::Random(number as u64)];
        splits.into_iter().find_map(|splits| {
            let got = must_agree(|| match player.play(&case.script, splits) {
                got if got == *expected => Ok(()),
                got => Err(got),
            });
            let (expected, got) = (shown(expected), shown(&got.err()?));
            let (name, script) = (case.name, &case.script);
            Some(format!(
                "{kind:?} -t {threads}, {name}, {splits:?}\n  script   {script}\n  \
                 expected {expected}\n  got      {got}"
            ))
        })
    };
    case_table::read(table).iter().enumerate().filter_map(&mut different).collect()
}

fn check(kind: ServerKind, table: &'static str) {
    let found: Vec<_> = [1, 2].into_iter().flat_map(|it| differences(kind, it, table)).collect();
    assert!(found.is_empty(), "{} cases:\n{}", found.len(), found.join("\n"));
}

#[test]
fn slabcore_replies_as_1_6_45() {
    check(ServerKind::Slabcore, OF_45);
}

#[test]
fn the_table_is_true_of_stock() {
    if binaries::stock_is_current() {
        check(ServerKind::Stock, OF_45);
    } else {
        eprintln!("the oracle is older than 1.6.45, whose replies this table has");
    }
}

#[test]
fn slabcore_differs_where_it_was_decided() {
    check(ServerKind::Slabcore, BY_DECISION);
    check(ServerKind::Slabcore, BEHIND_DUMPS);
}

/// Each case of the table of decisions must differ from stock memcached.
#[test]
fn each_decision_makes_a_difference() {
    if !binaries::stock_is_current() {
        eprintln!("the oracle is older than 1.6.45, from which the decisions differ");
        return;
    }
    let cases = case_table::read(BY_DECISION).len();
    assert_eq!(differences(ServerKind::Stock, 1, BY_DECISION).len(), cases);
}
