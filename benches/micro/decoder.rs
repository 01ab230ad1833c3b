//! The time to decode the requests of one write, before any lookup.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use slabcore_bench::load::item_format::ItemFormat;
use slabcore_bench::load::request_batch::{RequestBatch, RequestSource};
use slabcore_bench::{Operation, Workload};
use slabcore_protocol::{DataBlock, Decoded, Decoder, Request};

/// Decodes all of `input`. Returns the number of keys and value bytes, so that the compiler cannot
/// leave anything out.
fn decode_all(mut input: &[u8]) -> (usize, usize) {
    let mut decoder = Decoder::new();
    let (mut keys, mut value_bytes) = (0, 0);
    while !input.is_empty() {
        let consumed = match decoder.decode(input) {
            Decoded::Request { request: Request::Get(get), consumed } => {
                keys += get.keys.map(|key| black_box(key).len().min(1)).sum::<usize>();
                consumed
            }
            Decoded::Store { store, consumed } => {
                keys += 1;
                match store.data_block(&input[consumed..]) {
                    DataBlock::Whole { value, consumed: block } => {
                        value_bytes += black_box(value).len();
                        consumed + block
                    }
                    other => panic!("the batch holds whole values: {other:?}"),
                }
            }
            other => panic!("the batch holds gets and sets only: {other:?}"),
        };
        input = &input[consumed..];
    }
    (keys, value_bytes)
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("decoder");
    let loads = [
        ("get, 16 per write", Operation::Get { keys: 1 }, 16, (16, 0)),
        ("get of 50 keys", Operation::Get { keys: 50 }, 1, (50, 0)),
        ("set, 16 per write", Operation::Set, 16, (16, 1600)),
    ];
    for (name, operation, depth, expected) in loads {
        let workload = Workload { operation, depth, ..Workload::default() };
        let format = ItemFormat::new(workload.key_bytes, &workload.value_bytes);
        let mut batch = RequestBatch::default();
        RequestSource::new(&workload, 1).fill(&mut batch, &format);
        assert_eq!(decode_all(batch.text()), expected);
        group.throughput(Throughput::Elements(batch.keys().len() as u64));
        group.bench_function(name, |bencher| bencher.iter(|| decode_all(black_box(batch.text()))));
    }
    group.finish();
    criterion.final_summary();
}
