//! The `stats` that are asked for rarely: by prefix, by size, by connection, by shard.
//!
//! Dialects: the refusal of what there are no stats of.

use std::sync::atomic::Ordering;

use slabcore_metrics::{Counter, Gauge, Snapshot};
use slabcore_protocol::{
    BinaryReply, BinaryStatus, BinaryValue, END, Echo, Reply, encode_stat, error_lines,
};
use slabcore_shard::{PrefixCounts, StatsKind};

use crate::connection::Connection;
use crate::connection::gather::Gathering;
use crate::executor::Executor;
use crate::requests::stats;
use crate::settings::limits::PREFIXES_SHOWN_MAX;
use crate::shared::cluster::Cluster;

/// Begins the line that asks which shards keys belong to.
const OWNER_OF: &[u8] = b"slabcore owner ";

/// Words of which memcached takes any beginning for the whole, in its order.
const ABBREVIATED: [&[u8]; 5] = [b"reset", b"detail", b"settings", b"conns", b"extstore"];

/// Words that the words behind them do not matter to.
const FOLLOWED_BY_ANY: [&[u8]; 3] = [b"items", b"slabs", b"sizes"];

/// Key of the packet that has the whole of `stats detail dump`.
const DETAILED: &[u8] = b"detailed";

impl Connection {
    /// `stats` of what is no single word that has been looked at.
    pub(super) fn other_stats(
        &mut self,
        executor: &mut Executor,
        words: &[u8],
        echo: Option<Echo>,
    ) {
        if let Some(keys) = words.strip_prefix(OWNER_OF) {
            let mut text = Vec::new();
            stats::owners(&mut text, &executor.router, keys);
            return self.text_reply(&text, echo);
        }
        if echo.is_some() {
            return self.refuse_stats(echo);
        }
        let word_bytes = words.iter().position(|&byte| byte == b' ').unwrap_or(words.len());
        let (word, rest) = words.split_at(word_bytes);
        // `c` alone would be `cachedump`.
        let abbreviated = ABBREVIATED.into_iter().find(|it| it.starts_with(word) && word != b"c");
        match abbreviated {
            Some(b"detail") => self.detail(executor, rest),
            Some(b"conns") => self.connections(executor),
            // There is no external storage.
            Some(b"extstore") => self.text_reply(END, echo),
            Some(whole) => self.stats(executor, whole, echo),
            None if !rest.is_empty() && FOLLOWED_BY_ANY.contains(&word) => {
                self.stats(executor, word, echo);
            }
            None => self.refuse_stats(echo),
        }
    }

    fn refuse_stats(&mut self, echo: Option<Echo>) {
        match echo {
            None => self.reply(Reply::Error(error_lines::ERROR)),
            Some(echo) => {
                let reply = BinaryReply::new(echo, BinaryStatus::NotFound);
                self.output.encode(|out| reply.encode(out));
            }
        }
    }

    /// `stats detail` of the text protocol, where `-X` forbids it: it shows beginnings of keys.
    fn detail(&mut self, executor: &mut Executor, order: &[u8]) {
        if !executor.cluster.settings.dump {
            return self.reply(Reply::Error(error_lines::STATS_DETAIL_NOT_ALLOWED));
        }
        let word = order.split(|&byte| byte == b' ').find(|word| !word.is_empty());
        let mut orders = [&b"on"[..], b"off", b"dump"].into_iter();
        match word.and_then(|word| orders.find(|order| order.starts_with(word))) {
            Some(b"on") => self.order_detail(executor, true, None),
            Some(b"off") => self.order_detail(executor, false, None),
            Some(_) => self.prefixes(executor, None),
            None => self.reply(Reply::Error(error_lines::STATS_DETAIL_USAGE)),
        }
    }

    /// `detail` of the binary protocol, where `-X` forbids it. memcached compares no more of the
    /// order than its word.
    pub(super) fn binary_detail(&mut self, executor: &mut Executor, order: &[u8], echo: Echo) {
        if !executor.cluster.settings.dump {
            self.refuse_stats(Some(echo));
        } else if order.starts_with(b" dump") {
            self.prefixes(executor, Some(echo));
        } else if order.starts_with(b" on") {
            self.order_detail(executor, true, Some(echo));
        } else if order.starts_with(b" off") {
            self.order_detail(executor, false, Some(echo));
        } else {
            self.refuse_stats(Some(echo));
        }
    }

    fn order_detail(&mut self, executor: &mut Executor, is_on: bool, echo: Option<Echo>) {
        executor.cluster.counts_prefixes.store(is_on, Ordering::Relaxed);
        self.gather_stats(executor, Gathering::Done, StatsKind::Detail(is_on), echo);
    }

    fn prefixes(&mut self, executor: &mut Executor, echo: Option<Echo>) {
        let counts = Box::new(PrefixCounts::new(PREFIXES_SHOWN_MAX));
        self.gather_stats(executor, Gathering::Prefixes(counts), StatsKind::Prefixes, echo);
    }
}

/// `stats detail dump`. To a binary request it is one packet, and the one that ends them.
pub(super) fn encode_prefixes(out: &mut Vec<u8>, counts: &PrefixCounts, echo: Option<Echo>) {
    let mut text = Vec::new();
    counts.encode(&mut text);
    text.extend_from_slice(END);
    let Some(echo) = echo else {
        out.extend_from_slice(&text);
        return;
    };
    let done = BinaryReply::new(echo, BinaryStatus::Done);
    BinaryReply { key: DETAILED, value: BinaryValue::Bytes(&text), ..done }.encode(out);
    done.encode(out);
}

/// `stats shards`: each shard by itself, counted from the start on whatever was reset.
pub(super) fn encode_shards(out: &mut Vec<u8>, cluster: &Cluster, shards: &[Snapshot]) {
    let gauges = [Gauge::CurrItems, Gauge::Bytes, Gauge::PagesOwned, Gauge::CurrConnections];
    let counters = [
        Counter::GetHits,
        Counter::GetMisses,
        Counter::Evictions,
        Counter::Turns,
        Counter::ForeignRequests,
        Counter::RequestsServed,
    ];
    for (shard, numbers) in shards.iter().enumerate() {
        for gauge in gauges {
            let name = gauge.stat_name();
            encode_stat(out, format_args!("shard:{shard}:{name}"), numbers.gauge(gauge));
        }
        for counter in counters {
            let name = counter.stat_name();
            encode_stat(out, format_args!("shard:{shard}:{name}"), numbers.get(counter));
        }
        let waiting = cluster.mailboxes[shard].waiting();
        encode_stat(out, format_args!("shard:{shard}:mailbox_messages"), waiting);
    }
    out.extend_from_slice(END);
}
