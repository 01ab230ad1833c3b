//! Samples and reports for tests.

use std::time::Duration;

use super::report::Report;
use super::sample::Sample;
use crate::statistics::{ReplyReader, Topic};

/// A sample of these tables, taken at this second.
pub(crate) fn sample(second: u64, tables: &[(Topic, &str)]) -> Sample {
    let replies = tables.iter().map(|(topic, lines)| {
        let mut reader = ReplyReader::default();
        for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
            reader.push(format!("STAT {line}\r\n").as_bytes());
        }
        reader.push(b"END\r\n");
        (*topic, reader.next_reply().unwrap().expect("a whole reply"))
    });
    Sample::new(Duration::from_secs(second), replies)
}

/// A report of a busy memcached.
pub(crate) fn memcached() -> Report {
    let tables = |second| [general(second), slabs(second), items(second)];
    report(&tables(100), &tables(101))
}

/// A report of a busy Slabcore with 16 shards and all of its tables.
pub(crate) fn slabcore() -> Report {
    let tables = |second| {
        vec![
            general(second),
            slabs(second),
            items(second),
            own(),
            shards(second),
            latency(second),
            hot_keys(),
            curve(),
        ]
    };
    report(&tables(100), &tables(101))
}

fn report(before: &[(Topic, String)], now: &[(Topic, String)]) -> Report {
    let of = |second, tables: &[(Topic, String)]| {
        let tables: Vec<(Topic, &str)> = tables.iter().map(|it| (it.0, &*it.1)).collect();
        sample(second, &tables)
    };
    Report::new("127.0.0.1:11211", &of(101, now), Some(&of(100, before)))
}

fn general(second: u64) -> (Topic, String) {
    let count = |per_second: u64| second * per_second;
    let lines = [
        ("pid", 7),
        ("uptime", second + 273_000),
        ("threads", 16),
        ("max_connections", 1024),
        ("curr_connections", 51),
        ("total_connections", 2000 + second / 2),
        ("rejected_connections", 3),
        ("cmd_get", count(123_400)),
        ("get_hits", count(115_000)),
        ("get_misses", count(8_400)),
        ("cmd_set", count(12_345)),
        ("delete_hits", count(17)),
        ("delete_misses", count(3)),
        ("incr_hits", 5),
        ("incr_misses", 1),
        ("cmd_touch", count(250)),
        ("touch_hits", count(200)),
        ("touch_misses", count(50)),
        ("cmd_flush", 1),
        ("bytes_read", count(5_000_000)),
        ("bytes_written", count(45_000_000)),
        ("limit_maxbytes", 4 << 30),
        ("bytes", 3_456_789_012),
        ("curr_items", 12_345_678),
        ("evictions", count(1_234)),
        ("hash_bytes", 128 << 20),
        ("rusage_user", second),
        ("rusage_system", second / 2),
    ];
    let lines = lines.map(|(name, value)| format!("{name} {value}\n"));
    let text = lines.concat() + "version 1.6.45\nlibevent 2.1.12-stable";
    (Topic::General, text)
}

fn slabs(second: u64) -> (Topic, String) {
    let lines = (1..=12_u64).map(|class| {
        let chunk_bytes = 96 * class * class;
        format!(
            "{class}:chunk_size {chunk_bytes}\n{class}:total_pages {}\n{class}:total_chunks {}\n\
             {class}:used_chunks {}\n{class}:get_hits {}\n{class}:cmd_set {}\n",
            4000 / class,
            4000 * 65_536 / (class * chunk_bytes),
            3900 * 65_536 / (class * chunk_bytes),
            second * 12_000 / class,
            second * 1_000 / class,
        )
    });
    let text = lines.collect::<String>() + "active_slabs 12\ntotal_malloced 3900000000";
    (Topic::Slabs, text)
}

fn items(second: u64) -> (Topic, String) {
    let lines = (1..=12_u64).map(|class| {
        format!(
            "items:{class}:number {}\nitems:{class}:age {}\nitems:{class}:evicted {}\n\
             items:{class}:outofmemory 0\n",
            2_000_000 / class,
            40 * class * class * class,
            second * 300 / class
        )
    });
    (Topic::Items, lines.collect())
}

fn own() -> (Topic, String) {
    (Topic::Slabcore, "product slabcore 0.1.0\nbackend io_uring\nserving_executors 12".to_owned())
}

fn shards(second: u64) -> (Topic, String) {
    let lines = (0..16_u64).map(|shard| {
        let lines = [
            ("curr_items", 770_000 + shard * 1000),
            ("bytes", 216_000_000 + shard * 1_000_000),
            ("pages_owned", 4000 - shard),
            ("curr_connections", if shard < 12 { 4 } else { 0 }),
            ("get_hits", second * (7000 + 10 * shard)),
            ("get_misses", second * 500),
            ("evictions", second * 77),
            ("turns", second * 3000),
            ("requests_served", second * 400 * shard),
            ("mailbox_messages", shard % 3),
        ];
        let line = |(name, value): &(&str, u64)| format!("shard:{shard}:{name} {value}\n");
        lines.iter().map(line).collect::<String>()
    });
    (Topic::Shards, lines.collect())
}

fn latency(second: u64) -> (Topic, String) {
    let line = |command: &str, per_second: u64, p50: u64| {
        format!(
            "{command}:count {}\n{command}:sum_us {}\n{command}:p50_us {p50}\n\
             {command}:p90_us {}\n{command}:p99_us {}\n{command}:p999_us {}\n{command}:max_us {}\n",
            second * per_second,
            second * per_second * p50 * 3 / 2,
            p50 * 3,
            p50 * 9,
            p50 * 100,
            p50 * 1700,
        )
    };
    let lines = [line("get", 123_400, 7), line("set", 12_345, 15), line("delete", 20, 8)];
    (Topic::Latency, lines.concat())
}

/// One of them would clear the terminal, and one would write from right to left.
fn hot_keys() -> (Topic, String) {
    let names = ["user:1:profile", "evil\x1b[2J\x07", "AAECAw==", "\u{202e}drow", "schlüssel:ß"];
    let lines = (1..=20_usize).map(|rank| {
        let name = names.get(rank - 1).map_or(format!("session:{rank:08}"), ToString::to_string);
        let encoding = if rank == 3 { "3:encoding base64\n" } else { "" };
        format!(
            "{rank}:key {name}\n{encoding}{rank}:share {:.4}\n{rank}:requests {}\n\
             {rank}:error {}\n",
            0.1 / rank as f64,
            120_000 / rank,
            rank * 3
        )
    });
    (Topic::HotKeys, lines.collect())
}

fn curve() -> (Topic, String) {
    let points = [("0.25", 71.2), ("0.5", 84.01), ("1", 93.2), ("2", 96.5), ("4", 97.77)];
    let lines = points.map(|(factor, percent)| {
        format!("{factor}:hit_ratio {:.4}\n{factor}:memory_bytes 1\n", percent / 100.0)
    });
    (Topic::MissRatioCurve, lines.concat() + "sampled_requests 1000000\nmeasured:hit_ratio 0.931")
}
