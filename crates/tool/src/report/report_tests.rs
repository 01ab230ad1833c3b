use super::*;
use crate::report::example::sample;

fn general(second: u64, lines: &str) -> Sample {
    sample(second, &[(Topic::General, &format!("pid 1\nuptime {second}\n{lines}"))])
}

#[test]
fn rates_are_of_the_time_between_two_samples() {
    let before = general(10, "cmd_get 100\nget_hits 90\nget_misses 10\ncmd_set 5\ndelete_hits 1");
    let now = general(12, "cmd_get 300\nget_hits 140\nget_misses 160\ncmd_set 5\ndelete_hits 2");
    let report = Report::new("a", &now, Some(&before));
    assert_eq!(report.interval_seconds, Some(2.0));
    assert_eq!(report.rates.gets, Some(100.0));
    assert_eq!(report.rates.sets, Some(0.0));
    assert_eq!(report.rates.requests, Some(100.5));
    assert_eq!(report.rates.evictions, None, "the server does not tell");
    assert_eq!(report.hit_ratio, HitRatio { interval: Some(0.25), total: Some(0.466_667) });
    assert_eq!(report.totals.requests, Some(307));
    let delete = report.commands.iter().find(|it| it.command == "delete").unwrap();
    assert_eq!((delete.requests, delete.requests_per_second), (Some(2), Some(0.5)));
}

#[test]
fn one_sample_has_totals_and_no_rates() {
    let now = general(12, "cmd_get 300\nget_hits 140\nget_misses 160");
    let report = Report::new("a", &now, None);
    assert_eq!((report.interval_seconds, report.rates.gets), (None, None));
    assert_eq!(report.totals.gets, Some(300));
    assert_eq!(report.hit_ratio.interval, None);
}

/// After a restart all counters are lower; the first rates were negative, or enormous.
#[test]
fn a_restart_or_a_reset_gives_no_rate() {
    let before = general(100, "cmd_get 100");
    let restarted = general(101, "cmd_get 200");
    let check = |now: &Sample, expected: Option<f64>| {
        assert_eq!(Report::new("a", now, Some(&before)).rates.gets, expected);
    };
    check(&restarted, Some(100.0));
    check(&sample(101, &[(Topic::General, "pid 2\nuptime 101\ncmd_get 200")]), None);
    check(&sample(101, &[(Topic::General, "pid 1\nuptime 3\ncmd_get 200")]), None);
    check(&general(101, "cmd_get 10"), None);
    check(&general(100, "cmd_get 200"), None);
}

#[test]
fn classes_are_made_of_two_tables() {
    let tables = |second: u64, hits: u64, evicted: u64| {
        let slabs = format!(
            "2:chunk_size 100\n2:total_pages 3\n2:total_chunks 30\n2:used_chunks 20\n\
             2:get_hits {hits}\n2:cmd_set 4\n10:chunk_size 900\nactive_slabs 2"
        );
        let items = format!("items:2:number 20\nitems:2:age 7\nitems:2:evicted {evicted}");
        sample(second, &[(Topic::Slabs, &slabs), (Topic::Items, &items)])
    };
    let report = Report::new("a", &tables(5, 50, 3), Some(&tables(1, 10, 1)));
    assert_eq!(report.classes.iter().map(|it| it.class).collect::<Vec<_>>(), [2, 10]);
    let class = &report.classes[0];
    assert_eq!((class.allocated_bytes, class.used_bytes), (Some(3000), Some(2000)));
    assert_eq!((class.items, class.age_seconds, class.evictions), (Some(20), Some(7), Some(3)));
    assert_eq!((class.hits_per_second, class.evictions_per_second), (Some(10.0), Some(0.5)));
}

#[test]
fn slabcores_own_tables() {
    let before = sample(
        1,
        &[
            (Topic::Latency, "get:count 10\nget:sum_us 100"),
            (Topic::Shards, "shard:0:get_hits 0\nshard:0:get_misses 0\nshard:0:turns 5"),
        ],
    );
    let now = sample(
        3,
        &[
            (Topic::Slabcore, "product slabcore 0.1.0\nbackend io_uring\nserving_executors 1"),
            (
                Topic::Latency,
                "get:count 30\nget:sum_us 200\nget:p50_us 4\nget:p99_us 9.5\nnew:count 3",
            ),
            (
                Topic::Shards,
                "shard:1:curr_items 4\nshard:0:get_hits 3\nshard:0:get_misses 1\nshard:0:turns 15",
            ),
            (
                Topic::HotKeys,
                "2:key b\n2:share 0.1\n1:key YQ==\n1:encoding base64\n1:requests 9\n1:error 1\n\
                 10:key c\n11:share 0.1",
            ),
            (
                Topic::MissRatioCurve,
                "4:hit_ratio 0.9\n0.25:hit_ratio 0.5\n0.25:memory_bytes 16\n\
                 measured:hit_ratio 0.8\nsampled_requests 7",
            ),
        ],
    );
    let report = Report::new("a", &now, Some(&before));
    assert_eq!(report.server.kind, ServerKind::Slabcore);
    assert_eq!(report.server.product.as_deref(), Some("slabcore 0.1.0"));
    let get = &report.commands[0];
    assert_eq!(get.mean_us, Some(5.0));
    let latency = get.latency.as_ref().expect("gets have a latency");
    assert_eq!((latency.p50_us, latency.p99_us, latency.max_us), (Some(4.0), Some(9.5), None));
    assert_eq!(report.commands.last().map(|it| &*it.command), Some("new"));
    let shard = &report.shards[0];
    assert_eq!((shard.gets_per_second, shard.hit_ratio), (Some(2.0), Some(0.75)));
    assert_eq!((shard.turns_per_second, report.shards[1].items), (Some(5.0), Some(4)));
    let keys: Vec<&str> = report.hot_keys.iter().map(|it| &*it.key).collect();
    assert_eq!(keys, ["YQ==", "b", "c"]);
    assert_eq!(report.hot_keys[0].encoding, "base64");
    let curve = report.miss_ratio_curve.expect("a curve");
    assert_eq!(curve.points.iter().map(|it| it.memory_factor).collect::<Vec<_>>(), [0.25, 4.0]);
    assert_eq!((curve.measured_hit_ratio, curve.sampled_requests), (Some(0.8), Some(7)));
}

/// Numbers as a hostile or future server may send them.
#[test]
fn odd_numbers_are_absent() {
    let huge = u64::MAX.to_string();
    let lines = format!(
        "1:chunk_size {huge}\n1:total_chunks {huge}\n1:used_chunks -1\n\
         x:chunk_size 1\n1:get_hits NaN"
    );
    let now =
        sample(2, &[(Topic::Slabs, &lines), (Topic::General, "cmd_get 9999999999999999999999")]);
    let report = Report::new("a", &now, Some(&now));
    assert_eq!(report.classes.len(), 1);
    assert_eq!(report.classes[0].allocated_bytes, None);
    assert_eq!(report.totals.gets, None);
}
