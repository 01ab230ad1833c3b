//! Requests other than storage commands, as a connection executes them.

use std::sync::atomic::Ordering;

use slabcore_metrics::{Counter, Snapshot};
use slabcore_protocol::{DECODED_KEY_BYTES_MAX, MetaRequest, Reply, Request, error_lines};
use slabcore_shard::{Entry, KeyRequest, StatsKind};

use crate::connection::{Connection, RestOfKeys};
use crate::core::Core;
use crate::gather::{ClassesReply, Gather, Gathering, MetricsReply};
use crate::stats;

/// `verbosity` goes no higher.
const VERBOSITY_MAX: u64 = 2;

impl Connection {
    /// Executes one request; a get that must pause says where its other keys are. `budget`: what is
    /// left of the visit behind it.
    #[inline]
    pub(crate) fn request(
        &mut self,
        core: &mut Core,
        request: Request<'_>,
        budget: &mut usize,
    ) -> Option<RestOfKeys> {
        match request {
            Request::Get(get) => {
                return self.get(core, get.keys, get.with_cas, get.exptime, budget);
            }
            Request::Touch { key, exptime, noreply } => {
                self.key_request(core, &KeyRequest::Touch { key, exptime }, noreply);
            }
            Request::Delete { key, noreply } => {
                self.key_request(core, &KeyRequest::Delete { key }, noreply);
            }
            Request::Arithmetic { key, delta, incr, noreply } => {
                self.key_request(core, &KeyRequest::Arithmetic { key, delta, incr }, noreply);
            }
            Request::Meta(MetaRequest { command, key, flags }) => {
                let mut bytes = [0; DECODED_KEY_BYTES_MAX];
                let key = flags.item_key(key, &mut bytes);
                self.key_request(core, &KeyRequest::Meta { command, key, flags }, false);
            }
            Request::MetaNoop => self.reply(Reply::MetaNoop),
            Request::FlushAll { delay, noreply } => self.flush_all(core, delay, noreply),
            Request::Version => self.reply(Reply::Version),
            Request::Verbosity { level, noreply } => {
                let level = u64::from(level).min(VERBOSITY_MAX);
                core.cluster.verbosity.store(level, Ordering::Relaxed);
                if !noreply {
                    self.reply(Reply::Ok);
                }
            }
            Request::Stats { words } => self.stats(core, words),
            Request::Quit => self.close(core),
            Request::Shutdown { .. } => self.reply(Reply::Error(error_lines::SHUTDOWN_NOT_ENABLED)),
        }
        None
    }

    fn reply(&mut self, reply: Reply) {
        self.output.encode(|out| reply.encode(out));
    }

    fn flush_all(&mut self, core: &mut Core, delay: i32, noreply: bool) {
        core.metrics.add(Counter::CmdFlush, 1);
        let at = core.now.flush_tick(delay);
        core.shards.own_mut().flush_all(at);
        let entry = Entry::Flush(at);
        if noreply {
            for shard in core.other_shards() {
                core.outboxes.push(shard, &entry, None);
            }
            return;
        }
        self.gather(core, Gathering::Flush, &entry, &[]);
    }

    fn stats(&mut self, core: &mut Core, words: &[u8]) {
        let metrics = |reply| Gathering::Metrics(Box::new(Snapshot::new()), reply);
        let classes = |reply| Gathering::Classes(Box::default(), reply);
        let gathering = match words {
            b"" => metrics(MetricsReply::General),
            b"slabcore" => metrics(MetricsReply::Slabcore),
            b"reset" => metrics(MetricsReply::Reset),
            b"items" => classes(ClassesReply::Items),
            b"slabs" => classes(ClassesReply::Slabs),
            b"settings" => {
                let cluster = &core.cluster;
                self.output.encode(|out| stats::settings(out, cluster));
                return;
            }
            b"sizes" => {
                self.output.encode(stats::sizes_disabled);
                return;
            }
            _ => return self.reply(Reply::Error(error_lines::ERROR)),
        };
        let kind = match &gathering {
            Gathering::Classes(..) => StatsKind::Classes,
            _ => StatsKind::Metrics,
        };
        let mut ours = Vec::new();
        core.shards.own_mut().append_stats(core.now, kind, &mut ours);
        self.gather(core, gathering, &Entry::Stats(kind), &ours);
    }

    /// Asks all other shards; `ours` is this shard's answer.
    fn gather(&mut self, core: &mut Core, gathering: Gathering, entry: &Entry<'_>, ours: &[u8]) {
        let mut gather = Box::new(Gather::new(gathering, core.router.shards()));
        if gather.add(ours) {
            let reply = gather.reply(core);
            self.output.encode(|out| out.extend_from_slice(&reply));
            return;
        }
        let slot = self.output.open_gather(gather, &mut core.spares);
        let ticket = self.ticket_for(slot);
        for shard in core.other_shards() {
            core.outboxes.push(shard, entry, Some(ticket));
        }
    }
}
