//! The tables of cases by UDP, with one datagram for each step.
//!
//! memcached sends each value of a multi-key get as a message. So the bytes of all messages are
//! compared, not their ends.

use slabcore_testkit::datagram_playback::DatagramPlayer;
use slabcore_testkit::replies::shown;
use slabcore_testkit::script::Script;
use slabcore_testkit::server_process::{ServerKind, ServerOptions};

use crate::case_table;
use crate::twins::{STEADY_STOCK, must_agree};

fn check(table: &'static str, cases_min: usize) {
    let mut differences = Vec::new();
    for threads in [1, 2] {
        let options = |kind| ServerOptions::new(kind, threads).with_udp();
        let slabcore = options(ServerKind::Slabcore).start();
        let stock = options(ServerKind::Stock).arguments(STEADY_STOCK).start();
        let mut players = [DatagramPlayer::new(&slabcore), DatagramPlayer::new(&stock)];
        let mut cases = case_table::read(table);
        cases.retain(|case| DatagramPlayer::can_play(&case.script));
        assert!(cases.len() >= cases_min, "only {} cases", cases.len());
        for case in cases {
            eprintln!("-t {threads}, {}", case.name);
            if let Err(replies) = must_agree(|| compare(&mut players, &case.script)) {
                let (name, script) = (case.name, case.script);
                differences.push(format!("-t {threads}, {name}\n  script   {script}\n{replies}"));
            }
        }
    }
    assert!(differences.is_empty(), "{} cases:\n{}", differences.len(), differences.join("\n"));
}

fn compare(players: &mut [DatagramPlayer; 2], script: &Script) -> Result<(), String> {
    let [ours, theirs] = players.each_mut().map(|player| player.play(script));
    if ours == theirs {
        return Ok(());
    }
    Err(format!("  slabcore {}\n  stock    {}", shown(&ours), shown(&theirs)))
}

#[test]
fn storage() {
    check(include_str!("cases/storage.txt"), 50);
}

#[test]
fn retrieval() {
    check(include_str!("cases/retrieval.txt"), 50);
}

#[test]
fn numbers() {
    check(include_str!("cases/numbers.txt"), 50);
}

#[test]
fn lines() {
    check(include_str!("cases/lines.txt"), 20);
}

#[test]
fn meta() {
    check(include_str!("cases/meta.txt"), 50);
}
