//! Requests other than storage commands, as a connection executes them.
//!
//! Dialects: an arm for the requests of each; what is neither a key's nor one dialect's.

use std::sync::atomic::Ordering;

use slabcore_metrics::{Counter, Snapshot};
use slabcore_protocol::{
    BinaryReply, BinaryStatus, DECODED_KEY_BYTES_MAX, Echo, MetaRequest, Reply, Request,
    cachedump_words, encode_stat_packets, error_lines,
};
use slabcore_shard::{ForwardedRequest, KeyRequest, StatsKind};

use crate::connection::Connection;
use crate::connection::gather::{ClassesReply, Gather, Gathering, MetricsReply};
use crate::executor::Executor;
use crate::requests::key_requests::RestOfKeys;
use crate::requests::stats;
use crate::settings::peer::CloseReason;

/// `verbosity` goes no higher.
const VERBOSITY_MAX: u64 = 2;

impl Connection {
    /// Executes one request; a get that must pause says where its other keys are. `budget`: what is
    /// left of the visit behind it.
    #[inline]
    pub(super) fn request(
        &mut self,
        executor: &mut Executor,
        request: Request<'_>,
        budget: &mut usize,
    ) -> Option<RestOfKeys> {
        match request {
            Request::Get(get) => {
                return self.get(executor, get.keys, get.with_cas, get.exptime, budget);
            }
            Request::Touch { key, exptime, noreply } => {
                self.key_request(executor, &KeyRequest::Touch { key, exptime }, noreply);
            }
            Request::Delete { key, noreply } => {
                self.key_request(executor, &KeyRequest::Delete { key }, noreply);
            }
            Request::Arithmetic { key, delta, incr, noreply } => {
                self.key_request(executor, &KeyRequest::Arithmetic { key, delta, incr }, noreply);
            }
            Request::Meta(MetaRequest { command, key, flags }) => {
                let mut bytes = [0; DECODED_KEY_BYTES_MAX];
                let key = flags.item_key(key, &mut bytes);
                self.key_request(executor, &KeyRequest::Meta { command, key, flags }, false);
            }
            Request::MetaNoop => self.reply(Reply::MetaNoop),
            Request::FlushAll { delay: Some(delay), noreply } => {
                self.flush_all(executor, executor.now.flush_tick(delay), noreply, None);
            }
            Request::FlushAll { delay: None, noreply } => self.flush_never(executor, noreply),
            Request::Version => self.reply(Reply::Version),
            Request::Verbosity { level, noreply } => {
                let level = u64::from(level).min(VERBOSITY_MAX);
                executor.cluster.verbosity.store(level, Ordering::Relaxed);
                if !noreply {
                    self.reply(Reply::Ok);
                }
            }
            Request::Stats { words } => self.stats(executor, words, None),
            Request::Quit => {
                self.set_close_reason(CloseReason::Normal);
                self.close(executor);
            }
            Request::Binary(request) => {
                self.key_request(executor, &KeyRequest::Binary(request), false);
            }
            Request::BinaryOrder(echo, order) => self.binary_order(executor, echo, order),
            Request::Order { order, noreply } => self.order(executor, order, noreply),
            Request::Shutdown { words } => self.shut_down(executor, words),
        }
        None
    }

    pub(super) fn reply(&mut self, reply: Reply) {
        self.output.encode(|out| reply.encode(out));
    }

    /// Flushes all shards, now or at a tick; `echo` is that of a binary request.
    pub(super) fn flush_all(
        &mut self,
        executor: &mut Executor,
        at: Option<u32>,
        noreply: bool,
        echo: Option<Echo>,
    ) {
        let is_refused = !executor.cluster.settings.flush_all;
        if echo.is_none() || !is_refused {
            // As memcached counts.
            executor.metrics.add(Counter::CmdFlush, 1);
        }
        if is_refused {
            return self.refuse_flush(noreply, echo);
        }
        executor.shards.own_mut().flush_all(at);
        let request = ForwardedRequest::Flush(at);
        if noreply {
            for shard in executor.other_shards() {
                executor.outboxes.push(shard, &request, None);
            }
            return;
        }
        let gather = Gather::new(Gathering::Done, executor.router.shards(), echo);
        self.gather(executor, gather, &request, &[]);
    }

    /// `flush_all` with a delay that is no number. It counts, and may not be allowed, as another.
    #[cold]
    fn flush_never(&mut self, executor: &Executor, noreply: bool) {
        executor.metrics.add(Counter::CmdFlush, 1);
        if !executor.cluster.settings.flush_all {
            self.refuse_flush(noreply, None);
        } else if !noreply {
            self.reply(Reply::Error(error_lines::INVALID_EXPTIME));
        }
    }

    /// `flush_all` is switched off; a binary request hears it even if it is quiet.
    fn refuse_flush(&mut self, noreply: bool, echo: Option<Echo>) {
        match echo {
            Some(echo) => {
                let reply = BinaryReply::new(echo, BinaryStatus::AuthFailure);
                self.output.encode(|out| reply.encode(out));
            }
            None if noreply => {}
            None => self.reply(Reply::Error(error_lines::FLUSH_ALL_NOT_ALLOWED)),
        }
    }

    /// `stats`; `echo` is that of a binary request.
    pub(super) fn stats(&mut self, executor: &mut Executor, words: &[u8], echo: Option<Echo>) {
        let metrics = |reply| Gathering::Metrics(Box::new(Snapshot::new()), reply);
        let classes = |reply| Gathering::Classes(Box::default(), reply);
        let gathering = match words {
            b"" => metrics(MetricsReply::General),
            b"slabcore" => metrics(MetricsReply::Slabcore),
            b"reset" => metrics(MetricsReply::Reset),
            b"items" => classes(ClassesReply::Items),
            b"slabs" => classes(ClassesReply::Slabs),
            b"settings" => {
                let mut text = Vec::new();
                stats::settings(&mut text, &executor.cluster);
                return self.text_reply(&text, echo);
            }
            b"sizes" if executor.cluster.settings.track_sizes => Gathering::Sizes(Box::default()),
            b"shards" => Gathering::Shards(vec![Snapshot::new(); executor.router.shards()]),
            b"sizes" => {
                let mut text = Vec::new();
                stats::sizes_disabled(&mut text);
                return self.text_reply(&text, echo);
            }
            _ => {
                if echo.is_none()
                    && let Some(words) = cachedump_words(words)
                {
                    return self.cachedump(executor, words);
                }
                return self.other_stats(executor, words, echo);
            }
        };
        let kind = match &gathering {
            Gathering::Classes(..) => StatsKind::Classes,
            Gathering::Metrics(_, MetricsReply::Reset) => StatsKind::Reset,
            Gathering::Sizes(_) => StatsKind::Sizes,
            _ => StatsKind::Metrics,
        };
        self.gather_stats(executor, gathering, kind, echo);
    }

    /// Asks all shards, this one too.
    pub(super) fn gather_stats(
        &mut self,
        executor: &mut Executor,
        gathering: Gathering,
        kind: StatsKind,
        echo: Option<Echo>,
    ) {
        let mut ours = Vec::new();
        executor.shards.own_mut().append_stats(executor.now, kind, &mut ours);
        let gather = Gather::new(gathering, executor.router.shards(), echo);
        self.gather(executor, gather, &ForwardedRequest::Stats(kind), &ours);
    }

    /// A reply that was made as text; to a binary request its lines go as packets.
    pub(super) fn text_reply(&mut self, text: &[u8], echo: Option<Echo>) {
        self.output.encode(|out| match echo {
            None => out.extend_from_slice(text),
            Some(echo) => encode_stat_packets(out, echo, text),
        });
    }

    /// Asks all other shards; `ours` is this shard's answer.
    pub(super) fn gather(
        &mut self,
        executor: &mut Executor,
        gather: Gather,
        request: &ForwardedRequest<'_>,
        ours: &[u8],
    ) {
        let mut gather = Box::new(gather);
        if gather.add(executor.index, ours) {
            let reply = gather.reply(executor);
            self.output.encode(|out| out.extend_from_slice(&reply));
            return;
        }
        let slot = self.output.open_gather(gather, &mut executor.spares);
        let ticket = self.ticket_for(slot);
        for shard in executor.other_shards() {
            executor.outboxes.push(shard, request, Some(ticket));
        }
    }
}
