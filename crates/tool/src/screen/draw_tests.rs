use std::path::Path;
use std::{env, fs};

use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::report::{Report, example};
use crate::screen::{Key, Progress};
use crate::statistics::Topic;

/// The screen after these reports and keys, as text.
fn drawn(width: u16, height: u16, report: &Report, keys: &[Key]) -> String {
    let mut state = ScreenState::new("127.0.0.1:11211");
    // As many as make a plot.
    (0..30).for_each(|_| state.take_report(report));
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut draw_once = |state: &mut ScreenState| {
        terminal.draw(|frame| draw(frame, state)).unwrap();
    };
    draw_once(&mut state);
    for key in keys {
        assert_eq!(state.press(*key), Progress::Continues);
        draw_once(&mut state);
    }
    text_of(&terminal)
}

fn text_of(terminal: &Terminal<TestBackend>) -> String {
    let buffer = terminal.backend().buffer();
    let width = usize::from(buffer.area.width.max(1));
    let lines = buffer.content.chunks(width).map(|cells| {
        let line: String = cells.iter().map(ratatui::buffer::Cell::symbol).collect();
        line.trim_end().to_owned() + "\n"
    });
    lines.collect()
}

/// Compares with a file. `SLABCORE_UPDATE=1` writes it: look at it before you commit it.
fn check(name: &str, drawn: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/screen/pictures");
    let path = folder.join(name);
    if env::var_os("SLABCORE_UPDATE").is_some() {
        fs::create_dir_all(&folder).unwrap();
        fs::write(&path, drawn).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(drawn, expected, "{name}:\n{drawn}");
}

#[test]
fn a_small_screen() {
    check("slabcore_80x24.txt", &drawn(80, 24, &example::slabcore(), &[]));
    check("memcached_80x24.txt", &drawn(80, 24, &example::memcached(), &[]));
}

#[test]
fn a_large_screen() {
    check("slabcore_160x50.txt", &drawn(160, 50, &example::slabcore(), &[]));
    check("memcached_160x50.txt", &drawn(160, 50, &example::memcached(), &[]));
}

#[test]
fn one_table_alone_is_sorted_and_scrolled() {
    let keys = [&[Key::PreviousPanel, Key::Alone][..], &[Key::Sort; 2], &[Key::PageDown]].concat();
    check("shards_80x24.txt", &drawn(80, 24, &example::slabcore(), &keys));
    let top = |keys: &[Key]| drawn(80, 12, &example::slabcore(), keys);
    let alone = [Key::PreviousPanel, Key::Alone];
    let row = |text: &str| text.lines().nth(7).map(|line| line[3..].trim_start().to_owned());
    let first = |keys: &[Key]| {
        let keys = [&alone, keys].concat();
        let row = row(&top(&keys)).expect("a row");
        row.split_whitespace().next().expect("a shard").to_owned()
    };
    assert_eq!(first(&[]), "0");
    assert_eq!(first(&[Key::Down]), "1");
    assert_eq!(first(&[Key::Reverse]), "15");
    assert_eq!(first(&[Key::Down, Key::Down, Key::Up, Key::Home]), "0");
    let end = first(&[Key::End]);
    assert_eq!(end, first(&[Key::PageDown; 9]), "the last page is full");
    assert_eq!(first(&[Key::End, Key::Up]), (end.parse::<u64>().unwrap() - 1).to_string());
}

#[test]
fn before_the_first_report_and_without_a_server() {
    let mut state = ScreenState::new("cache\x1b[2J:11211");
    let mut terminal = Terminal::new(TestBackend::new(60, 6)).unwrap();
    terminal.draw(|frame| draw(frame, &mut state)).unwrap();
    assert!(text_of(&terminal).starts_with(" connecting to cache\\u{1b}[2J:11211\n"));
    state.take_trouble("cannot connect: Connection refused");
    terminal.draw(|frame| draw(frame, &mut state)).unwrap();
    assert!(text_of(&terminal).contains("\ncannot connect: Connection refused\n"));
    state.take_report(&example::memcached());
    state.take_trouble("the server closed the connection");
    terminal.draw(|frame| draw(frame, &mut state)).unwrap();
    let text = text_of(&terminal);
    assert!(text.contains("memcached 1.6.45"), "the last report stays: {text}");
    assert!(text.ends_with(" the server closed the connection; trying again\n"), "{text}");
}

/// Sizes that a terminal may have while a window is dragged.
#[test]
fn no_size_panics() {
    let report = example::slabcore();
    for (width, height) in [(0, 0), (1, 1), (2, 5), (5, 2), (20, 3), (79, 7), (300, 4), (9, 90)] {
        drawn(width, height, &report, &[Key::Alone, Key::Sort, Key::End, Key::Alone]);
    }
}

/// What clients and servers wrote cannot reach the terminal as a control sequence.
#[test]
fn control_characters_are_escaped() {
    let report = example::slabcore();
    let keys = [Key::NextPanel, Key::Alone];
    let texts = [drawn(160, 50, &report, &keys), crate::view::plain_text(&report)];
    for text in texts {
        assert!(text.contains("evil\\u{1b}[2J\\u{7}"), "{text}");
        assert!(text.contains("\\u{202e}drow"), "{text}");
        assert!(text.contains("AAECAw== (base64)"), "{text}");
        assert!(text.contains("schlüssel:ß"), "{text}");
        assert!(!text.chars().any(|it| it.is_control() && it != '\n'), "{text}");
    }
    let json = crate::view::json(&report);
    assert!(json.contains(r"evil\u001b[2J\u0007") && json.contains(r"\u202edrow"), "{json}");
    assert!(json.trim_end().bytes().all(|it| (b' '..=b'~').contains(&it)), "{json}");
}

/// A line with a name that means something, or any line.
fn stat_line() -> impl Strategy<Value = String> {
    let names = prop::sample::select(vec![
        "pid",
        "uptime",
        "cmd_get",
        "get_hits",
        "get_misses",
        "bytes",
        "rusage_user",
        "version",
        "max_connections",
        "product",
        "backend",
        "1:chunk_size",
        "1:total_chunks",
        "2:used_chunks",
        "items:1:number",
        "items:7:age",
        "shard:0:get_hits",
        "shard:9:turns",
        "get:count",
        "get:sum_us",
        "get:p50_us",
        "set:max_us",
        "1:key",
        "1:share",
        "2:encoding",
        "0.5:hit_ratio",
        "4:memory_bytes",
        "NaN:hit_ratio",
        "measured:hit_ratio",
    ]);
    let values = prop_oneof![
        any::<u64>().prop_map(|it| it.to_string()),
        any::<f64>().prop_map(|it| it.to_string()),
        Just("NaN".to_owned()),
        "[ -~]{0,12}",
        "\\PC{0,30}",
        "[\u{0}-\u{9f}&&[^\n\r]]{0,9}",
    ];
    (names, values).prop_map(|(name, value)| format!("{name} {value}"))
}

fn any_sample(second: u64) -> impl Strategy<Value = crate::report::Sample> {
    let table = prop::collection::vec(stat_line(), 0..30).prop_map(|lines| lines.join("\n"));
    let topics: Vec<Topic> = Topic::OF_ALL.into_iter().chain(Topic::OF_SLABCORE).collect();
    prop::collection::vec(prop::option::of(table), topics.len()).prop_map(move |tables| {
        let tables: Vec<(Topic, String)> =
            topics.iter().copied().zip(tables).filter_map(|it| Some((it.0, it.1?))).collect();
        let tables: Vec<(Topic, &str)> = tables.iter().map(|it| (it.0, &*it.1)).collect();
        example::sample(second, &tables)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_a_server_says_is_shown(before in any_sample(1), now in any_sample(2)) {
        let report = Report::new("server", &now, Some(&before));
        let texts = [
            drawn(80, 24, &report, &[Key::NextPanel, Key::Sort, Key::Alone]),
            crate::view::plain_text(&report),
        ];
        for text in texts {
            prop_assert!(!text.chars().any(|it| it.is_control() && it != '\n'), "{text:?}");
        }
        let json = crate::view::json(&report);
        let read = serde_json::from_str::<serde_json::Value>(&json);
        prop_assert!(read.is_ok(), "{json}");
    }
}
