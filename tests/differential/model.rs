//! Compares the test kit's model with stock memcached, since other tests trust the model.

use std::cell::RefCell;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use slabcore_testkit::command::TextCommand;
use slabcore_testkit::model::Model;
use slabcore_testkit::replies::{Normaliser, shown};
use slabcore_testkit::server_process::{ServerKind, ServerOptions};
use slabcore_testkit::wire_client::WireClient;
use slabcore_testkit::{binaries, generators};

use crate::twins::{STEADY_STOCK, must_agree};

const CASES: u32 = 1000;

/// memcached's default `-I`, in bytes.
const ITEM_BYTES_MAX: usize = 1 << 20;

fn compare(client: &mut WireClient, commands: &[TextCommand]) -> Result<(), String> {
    client.expect("flush_all\r\n", "OK\r\n");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("past 1970").as_secs();
    let mut model = Model::new(ITEM_BYTES_MAX, now);
    let (mut of_model, mut of_stock) = (Normaliser::new(), Normaliser::new());
    for command in commands {
        let mut expected = Vec::new();
        model.execute_text(now, command, &mut expected);
        let expected = of_model.normalise(&expected);
        client.send(&command.bytes());
        client.send(b"version\r\n");
        let got = of_stock.normalise(&client.read_to_version());
        if got != expected {
            let (got, expected) = (shown(&got), shown(&expected));
            let command = shown(&command.bytes());
            return Err(format!("{command}\n  model {expected}\n  stock {got}"));
        }
    }
    Ok(())
}

#[test]
fn model_answers_as_stock() {
    if !binaries::stock_is_current() {
        eprintln!("the oracle is older than 1.6.45, whose replies the model has");
        return;
    }
    let server = ServerOptions::new(ServerKind::Stock, 1).arguments(STEADY_STOCK).start();
    let client = RefCell::new(server.connect());
    let commands = vec(generators::text_command(), 1..60);
    let config = Config {
        cases: CASES,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(0x0dd5),
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&commands, |commands| {
        let mut client = client.borrow_mut();
        must_agree(|| compare(&mut client, &commands)).map_err(TestCaseError::fail)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
