//! Random commands of Redis' dialect for property tests, as words. No reply depends on the second
//! in which a command runs.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::random::part_generators::{key, value};

/// One command that [`Model::execute_string`](crate::model::Model::execute_string) knows.
pub fn string_command() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let read = prop::sample::select(&["GET", "STRLEN", "TOUCH", "GETDEL", "PERSIST"]);
    let many = prop::sample::select(&["MGET", "EXISTS", "DEL"]);
    let store = prop::sample::select(&["GETSET", "SETNX", "APPEND"]);
    let options = prop::sample::select(&[
        "",
        "",
        "",
        "NX",
        "XX",
        "GET",
        "NX GET",
        "KEEPTTL",
        "XX KEEPTTL",
        "EX 99500",
        "EX 99500 NX",
    ]);
    let numbers = prop_oneof![4 => -30..100_i64, 1 => any::<i64>()];
    let condition = prop::sample::select(&["", "", "NX", "XX"]);
    prop_oneof![
        6 => (read, key()).prop_map(|(name, key)| words(name, [key], "")),
        3 => (many, vec(key(), 1..5)).prop_map(|(name, keys)| words(name, keys, "")),
        8 => (key(), value(), options)
            .prop_map(|(key, value, options)| words("SET", [key, value], options)),
        4 => (store, key(), value())
            .prop_map(|(name, key, value)| words(name, [key, value], "")),
        1 => vec((key(), value()), 1..4)
            .prop_map(|pairs| words("MSET", pairs.into_iter().flat_map(<[_; 2]>::from), "")),
        2 => (key(), 0..40_u8, value()).prop_map(|(key, offset, value)| {
            words("SETRANGE", [key, offset.to_string().into_bytes(), value], "")
        }),
        2 => (key(), numbers.clone(), numbers.clone()).prop_map(|(key, start, end)| {
            words("GETRANGE", [key, start.to_string().into(), end.to_string().into()], "")
        }),
        3 => (key(), numbers)
            .prop_map(|(key, number)| words("INCRBY", [key, number.to_string().into()], "")),
        2 => (key(), prop::sample::select(&["99500", "199500", "-1"]), condition)
            .prop_map(|(key, seconds, condition)| {
                words("EXPIRE", [key, seconds.into()], condition)
            }),
    ]
}

fn words(name: &str, arguments: impl IntoIterator<Item = Vec<u8>>, options: &str) -> Vec<Vec<u8>> {
    let options = options.split_whitespace().map(|word| word.as_bytes().to_vec());
    [name.as_bytes().to_vec()].into_iter().chain(arguments).chain(options).collect()
}
