//! The binary protocol: tables and generated scripts, whole, byte by byte and in random cuts.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use slabcore_testkit::binary_packet::Packet;
use slabcore_testkit::binary_playback::BinaryPlayer;
use slabcore_testkit::binary_script::{BinaryScript, Cas, Numbers, Request};
use slabcore_testkit::script::CAS_NEVER_GIVEN;
use slabcore_testkit::server_process::{ServerKind, ServerOptions, ServerProcess};
use slabcore_testkit::splits::Splits;

use crate::twins::{STEADY_STOCK, must_agree};

/// Generated scripts of each test.
const CASES: u32 = 400;

struct BinaryTwins {
    slabcore: ServerProcess,
    stock: ServerProcess,
}

impl BinaryTwins {
    fn start(threads: usize, arguments: &[&str]) -> Self {
        let slabcore = ServerOptions::new(ServerKind::Slabcore, threads).arguments(arguments);
        let stock = ServerOptions::new(ServerKind::Stock, threads).arguments(arguments);
        Self { slabcore: slabcore.start(), stock: stock.arguments(STEADY_STOCK).start() }
    }

    fn compare(&self, script: &BinaryScript, splits: Splits) -> Result<(), String> {
        must_agree(|| self.compare_once(script, splits))
    }

    fn compare_once(&self, script: &BinaryScript, splits: Splits) -> Result<(), String> {
        let slabcore = BinaryPlayer::new(&self.slabcore).play(script, splits);
        let stock = BinaryPlayer::new(&self.stock).play(script, splits);
        if slabcore == stock {
            return Ok(());
        }
        let (ours, theirs) = (slabcore.join("\n    "), stock.join("\n    "));
        Err(format!(
            "replies differ ({splits:?})\n  script {script}\n  slabcore\n    {ours}\n  stock\n    \
             {theirs}"
        ))
    }
}

fn check(table: &'static str, arguments: &[&str]) {
    let mut differences = Vec::new();
    for threads in [1, 2] {
        let twins = BinaryTwins::start(threads, arguments);
        let lines = table.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
        for (number, line) in lines.enumerate() {
            let (name, script) = line.split_once(" :: ").expect("a name and a script");
            eprintln!("-t {threads}, {name}");
            let script = BinaryScript::parse(script);
            for splits in [Splits::Whole, Splits::Bytewise, Splits::Random(0xb1 + number as u64)] {
                if let Err(difference) = twins.compare(&script, splits) {
                    differences.push(format!("-t {threads}, {name}: {difference}"));
                    break;
                }
            }
        }
    }
    assert!(differences.is_empty(), "{} cases:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn table() {
    check(include_str!("cases/binary.txt"), &[]);
}

#[test]
fn table_of_small_items() {
    let arguments = ["-I", "16k", "-o", "slab_chunk_max=8"];
    check(include_str!("cases/binary_small_items.txt"), &arguments);
}

/// The compared replies are not empty.
#[test]
fn replies_are_seen() {
    let stock = ServerOptions::new(ServerKind::Stock, 1).start();
    let script = BinaryScript::parse("set k=a v=one f=5 | getkq k=a | getq k=b | get k=b");
    let replies = BinaryPlayer::new(&stock).play(&script, Splits::Bytewise);
    let expected = [
        "01 status 0000 opaque 0 cas 1",
        "0d status 0000 opaque 1 cas 1 extras 4:\\x00\\x00\\x00\\x05 key 1:a value 3:one",
        "00 status 0001 opaque 3 cas 0 value 9:Not found",
    ];
    assert_eq!(replies, expected);
}

/// A request that leaves the connection open, for one of few keys.
fn request() -> impl Strategy<Value = Request> {
    let opcodes: Vec<u8> = (0x00..=0x06).chain(0x09..=0x0f).chain(0x11..=0x16).collect();
    let opcodes = [opcodes, vec![0x08, 0x19, 0x1a, 0x1c, 0x1d, 0x1e, 0x23, 0x24, 0x30]].concat();
    let exptime =
        prop_oneof![6 => Just(0_u32), 2 => Just(1000), 1 => Just(2_592_001), 1 => Just(u32::MAX)];
    let value = prop_oneof![
        3 => "[a-c]{0,5}",
        3 => "[0-9]{1,3}",
        1 => (0..5000_usize).prop_map(|count| "x".repeat(count)),
        1 => (16_000..100_000_usize).prop_map(|count| "y".repeat(count)),
    ];
    let number = prop_oneof![4 => 0..12_u64, 1 => any::<u64>()];
    let cas = prop_oneof![
        6 => Just(Cas::Number(0)),
        1 => Just(Cas::Number(CAS_NEVER_GIVEN)),
        3 => (0..20_usize).prop_map(Cas::OfReply),
    ];
    let key = prop::sample::select(vec!["a", "b", "c", "\n\0 d"]);
    (prop::sample::select(opcodes), key, value, exptime, number.clone(), number, cas).prop_map(
        |(opcode, key, value, exptime, delta, initial, cas)| {
            let numbers = Numbers { flags: delta as u32, exptime, delta, initial };
            let packet = Packet::request(opcode).extra(&numbers.extras(opcode));
            let packet = match opcode {
                0x08 | 0x0a | 0x0b | 0x30 => packet,
                _ => packet.key(key),
            };
            let stores = matches!(opcode, 0x01..=0x03 | 0x0e | 0x0f | 0x11..=0x13 | 0x19 | 0x1a);
            Request::new(if stores { packet.value(value) } else { packet }, cas)
        },
    )
}

fn check_generated(threads: usize) {
    let twins = BinaryTwins::start(threads, &[]);
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        max_shrink_time: 60_000,
        rng_seed: RngSeed::Fixed(0xb17a + threads as u64),
        ..Config::default()
    };
    let scripts = prop::collection::vec(request(), 1..20)
        .prop_map(|requests| BinaryScript { requests, closes: false });
    let splits = prop_oneof![1 => Just(Splits::Whole), 3 => any::<u64>().prop_map(Splits::Random)];
    let result = TestRunner::new(config).run(&(scripts, splits), |(script, splits)| {
        twins.compare(&script, splits).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn generated_on_one_thread() {
    check_generated(1);
}

#[test]
fn generated_on_two_threads() {
    check_generated(2);
}
