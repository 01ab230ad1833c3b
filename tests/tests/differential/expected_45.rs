//! Where slabcore follows memcached 1.6.45 and the oracle is older: literal replies, no oracle.

use slabcore_testkit::binaries;
use slabcore_testkit::playback::Player;
use slabcore_testkit::replies::shown;
use slabcore_testkit::server_process::{ServerKind, ServerProcess};
use slabcore_testkit::splits::Splits;

use crate::case_table;
use crate::twins::must_agree;

#[test]
fn replies_are_those_of_1_6_45() {
    if !binaries::slabcore_is_itself() {
        eprintln!("SLABCORE_BIN is a stock memcached, whose replies this table does not describe");
        return;
    }
    let cases = case_table::read(include_str!("../../cases/expected_45.txt"));
    let mut differences = Vec::new();
    for threads in [1, 2] {
        let server = ServerProcess::new(ServerKind::Slabcore, threads);
        let mut player = Player::new(&server);
        for (number, case) in cases.iter().enumerate() {
            let expected = case.replies.as_ref().expect("this table has replies");
            for splits in [Splits::Whole, Splits::Bytewise, Splits::Random(number as u64)] {
                let answers = must_agree(|| {
                    let got = player.play(&case.script, splits);
                    if got == *expected { Ok(()) } else { Err(got) }
                });
                if let Err(got) = answers {
                    differences.push(format!(
                        "-t {threads}, {}, {splits:?}\n  script   {}\n  expected {}\n  slabcore {}",
                        case.name,
                        case.script,
                        shown(expected),
                        shown(&got)
                    ));
                    break;
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} cases:\n{}", differences.len(), differences.join("\n"));
}
