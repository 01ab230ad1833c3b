//! Folders of a crate are rooms: each uses only those below it, and says what it is for.

use std::collections::BTreeSet;

use crate::facts::{CrateFacts, FACTS};
use crate::graph::Graph;
use crate::search::source::{CrateSource, is_rust, names_in, read};
use crate::search::uses::uses_in;

/// The rooms of a crate.
struct Rooms {
    /// The crate, as [`CrateSource::name`] has it.
    of_crate: &'static str,
    /// Rooms from the ground up: each uses only those before it. A file beside the folders is a
    /// room as well if rooms use it: `limits.rs`.
    order: &'static [&'static str],
    /// Files outside of folders at most, the crate's face and whole tests included. They may use
    /// every room.
    files_outside_max: usize,
    /// Uses against the order that are still there; none in a finished crate.
    upward_uses_max: usize,
}

/// Crates with folders. A crate whose files all lie in one folder is not in the table.
const ROOMS: &[Rooms] = &[
    Rooms {
        of_crate: "storage",
        order: &[
            "limits",
            "memory",
            "item",
            "slabs",
            "index",
            "policy",
            "linked",
            "eviction",
            "page_moves",
            "store",
        ],
        files_outside_max: 2,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "protocol",
        order: &["words", "requests", "text", "meta", "binary", "resp"],
        files_outside_max: 4,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "shard",
        order: &["limits", "requests", "observation", "forwarding", "execution"],
        files_outside_max: 2,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "server",
        order: &[
            "settings",
            "connection",
            "shared",
            "snapshots",
            "executor",
            "admin",
            "requests",
            "hub",
            "drivers",
            "takeover",
            "launch",
        ],
        files_outside_max: 5,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "slabcore",
        order: &["refusal", "process", "options", "texts"],
        files_outside_max: 4,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "tool",
        order: &[
            "limits",
            "escaped",
            "statistics",
            "report",
            "view",
            "item",
            "link",
            "sampler",
            "screen",
            "live",
            "transfer",
            "file",
            "progress",
            "job",
            "options",
        ],
        files_outside_max: 4,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "testkit",
        order: &[
            "limits",
            "scripts",
            "semantics",
            "random",
            "files",
            "wire",
            "process",
            "sessions",
        ],
        files_outside_max: 2,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "bench",
        order: &[
            "limits",
            "table",
            "splitmix64",
            "host",
            "servers",
            "load",
            "responder",
            "compare",
            "command",
        ],
        files_outside_max: 5,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "benches",
        order: &["replay", "growth", "instructions", "pages"],
        files_outside_max: 1,
        upward_uses_max: 0,
    },
    Rooms {
        of_crate: "tests/structure",
        order: &["graph", "search", "facts", "rules"],
        files_outside_max: 3,
        upward_uses_max: 0,
    },
];

/// Words that the documentation of each room has.
const ROOM_WORDS: [&str; 3] = ["May use: ", "Must not come in: ", "Start reading at "];

#[test]
fn rooms_use_each_other_one_way() {
    let mut wrong = Vec::new();
    for (facts, rooms) in crates_with_rooms() {
        let upward = upward_uses(&facts.uses, rooms.order);
        if upward.len() > rooms.upward_uses_max {
            wrong.push(format!("{}:\n{}", facts.name, upward.join("\n")));
        }
    }
    assert!(wrong.is_empty(), "a room uses one above it:\n{}", wrong.join("\n"));
}

/// Each use of a room that is above the user's, or of a file outside of the rooms.
fn upward_uses(uses: &Graph, folders: &[&str]) -> Vec<String> {
    let room = |module: &str| {
        let first = module.split("::").next().unwrap_or_default();
        folders.iter().position(|folder| *folder == first)
    };
    let upward = |from: &str, to: &str| {
        room(from).is_some_and(|place| room(to).is_none_or(|other| other > place))
    };
    let wrong = uses.arrows().filter(|(from, to, _)| upward(from, to));
    wrong.map(|(from, to, _)| format!("{from} uses {to}")).collect()
}

fn crates_with_rooms() -> Vec<(&'static CrateFacts, &'static Rooms)> {
    let find = |rooms: &'static Rooms| {
        let facts = FACTS.iter().find(|facts| facts.name == rooms.of_crate);
        (facts.expect("each entry of the table is a crate"), rooms)
    };
    ROOMS.iter().map(find).collect()
}

#[test]
fn rooms_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for (facts, rooms) in crates_with_rooms() {
        let has_files =
            |room: &str| facts.modules.iter().any(|it| it.starts_with(&format!("{room}::")));
        for folder in rooms.order.iter().filter(|room| has_files(room)) {
            let path = format!("{}/{folder}/mod.rs", facts.folder);
            let text = documentation(&read(&path));
            let missing = ROOM_WORDS.iter().filter(|words| !text.contains(*words));
            wrong.extend(missing.map(|words| format!("{path} has no \"{words}\"")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A module's documentation, in one line.
fn documentation(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    lines.concat()
}

#[test]
fn every_folder_is_a_room() {
    let mut wrong = Vec::new();
    for facts in &*FACTS {
        let rooms = ROOMS.iter().find(|rooms| rooms.of_crate == facts.name);
        let known = rooms.map_or(&[][..], |rooms| rooms.order);
        let of_modules = facts.modules.iter().filter_map(|it| it.split_once("::"));
        let folders: BTreeSet<&str> = of_modules.map(|it| it.0).collect();
        let unknown = folders.iter().filter(|folder| !known.contains(folder));
        wrong.extend(unknown.map(|it| format!("{}: {it} is not in ROOMS", facts.name)));
        let gone = known.iter().filter(|room| facts.modules.iter().all(|it| it != *room));
        wrong.extend(gone.map(|it| format!("{}: {it} is not in the crate", facts.name)));
        if let Some(rooms) = rooms {
            let names = names_in(&facts.folder);
            let outside: Vec<_> = names.iter().filter(|name| is_rust(name)).collect();
            if outside.len() > rooms.files_outside_max {
                wrong.push(format!("{}: outside of rooms: {outside:?}", facts.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_search_for_upward_uses_finds_them() {
    let check = |text: &str, expected: &[&str]| {
        let source = CrateSource::of_texts(&[
            ("", ""),
            ("low", ""),
            ("low::a", ""),
            ("middle", ""),
            ("middle::b", text),
            ("high", ""),
            ("high::c", ""),
            ("outside", ""),
        ]);
        let uses = uses_in(&source);
        assert_eq!(upward_uses(&uses, &["low", "middle", "high"]), expected, "{text}");
    };
    check("use crate::low::a::Thing;", &[]);
    check("use crate::high::c::Thing;", &["middle::b uses high::c"]);
    check("use crate::outside::Thing;", &["middle::b uses outside"]);
}
