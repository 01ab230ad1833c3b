//! Whether two replies to a command are equal, apart from what may differ.

use slabcore_testkit::redis_client::RedisReply;

/// A command with its words.
pub(crate) type Command = Vec<Vec<u8>>;

/// Milliseconds by which two servers may differ in what is left of a time.
const TIME_SLACK_MS: i64 = 20_000;

/// The name of a command in upper case.
pub(crate) fn name(command: &Command) -> String {
    String::from_utf8_lossy(command.first().map_or(b"", |word| word)).to_ascii_uppercase()
}

/// Checks that the replies of both servers to the same commands agree.
pub(crate) fn check(commands: &[Command], ours: &[RedisReply], theirs: &[RedisReply], what: &str) {
    let mut queued: Vec<&Command> = Vec::new();
    for (at, (command, (ours, theirs))) in commands.iter().zip(ours.iter().zip(theirs)).enumerate()
    {
        let shown: Vec<String> = commands[at.saturating_sub(12)..=at].iter().map(text).collect();
        let agree = match (name(command).as_str(), ours, theirs) {
            ("EXEC", RedisReply::List(_, ours), RedisReply::List(_, theirs)) => {
                ours.len() == theirs.len()
                    && queued.len() == ours.len()
                    && queued
                        .iter()
                        .zip(ours.iter().zip(theirs))
                        .all(|(it, (a, b))| equal(it, a, b))
            }
            _ => equal(command, ours, theirs),
        };
        assert!(agree, "{what}: {ours:?} is not {theirs:?} after\n{}", shown.join("\n"));
        if matches!(theirs, RedisReply::Line(line) if line == b"+QUEUED") {
            queued.push(command);
        } else if ["EXEC", "DISCARD", "RESET"].contains(&name(command).as_str()) {
            queued.clear();
        }
    }
    assert_eq!(ours.len(), theirs.len(), "{what}");
}

fn text(command: &Command) -> String {
    let words = command.iter().map(|word| match word.len() {
        0..=40 => format!("'{}'", word.escape_ascii()),
        length => format!("'{}...' ({length})", word[..20].escape_ascii()),
    });
    words.collect::<Vec<_>>().join(" ")
}

fn equal(command: &Command, ours: &RedisReply, theirs: &RedisReply) -> bool {
    let close = |slack: i64| match (ours.integer(), theirs.integer()) {
        (Some(ours), Some(theirs)) if ours > 0 && theirs > 0 => (ours - theirs).abs() <= slack,
        _ => ours == theirs,
    };
    let both_bulks = ours.bulk().is_some() && theirs.bulk().is_some();
    let both_integers = ours.integer().is_some() && theirs.integer().is_some();
    match name(command).as_str() {
        "PTTL" | "PEXPIRETIME" => close(TIME_SLACK_MS),
        "TTL" | "EXPIRETIME" => close(TIME_SLACK_MS / 1_000),
        // Whether a time is later than one that was set before depends on when that was.
        "EXPIRE" | "PEXPIRE" if command.len() == 4 => both_integers || ours == theirs,
        // Expired keys count until somebody finds them.
        "DBSIZE" => both_integers || ours == theirs,
        "KEYS" => sorted(ours) == sorted(theirs),
        // It says the version and the number of the client.
        "HELLO" => {
            matches!((ours, theirs), (RedisReply::List(..), RedisReply::List(..))) || ours == theirs
        }
        "RANDOMKEY" => both_bulks || ours == theirs,
        // What a value was made by is not known here; shared integers do not exist.
        "OBJECT" => both_bulks || both_integers || ours == theirs,
        _ => ours == theirs,
    }
}

fn sorted(reply: &RedisReply) -> Vec<String> {
    let RedisReply::List(_, replies) = reply else { return vec![format!("{reply:?}")] };
    let mut texts: Vec<String> = replies.iter().map(|it| format!("{it:?}")).collect();
    texts.sort_unstable();
    texts
}
