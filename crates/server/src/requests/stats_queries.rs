//! Answers to `stats`.
//!
//! Dialects: the reply to a binary request for statistics that do not exist.

use slabcore_metrics::Snapshot;
use slabcore_protocol::{BinaryReply, BinaryStatus, END, Echo, Reply, StatsQuery, error_lines};
use slabcore_shard::{PrefixCounts, ShardCommand, ShardQuery};

use crate::connection::Connection;
use crate::connection::gather::{ClassesReply, Gather, Gathering, MetricsReply};
use crate::executor::Executor;
use crate::requests::stats;
use crate::settings::limits::PREFIXES_SHOWN_MAX;

impl Connection {
    /// Answers `stats`. `echo` is that of a binary request.
    pub(super) fn stats(
        &mut self,
        executor: &mut Executor,
        query: StatsQuery<'_>,
        echo: Option<Echo>,
    ) {
        let settings = &executor.shared.settings;
        let (gathering, asked) = match query {
            StatsQuery::General => (metrics(MetricsReply::General), ShardQuery::Metrics),
            StatsQuery::Slabcore => (metrics(MetricsReply::Slabcore), ShardQuery::Metrics),
            StatsQuery::Shards => {
                let shards = vec![Snapshot::new(); executor.router.shards()];
                (Gathering::Shards(shards), ShardQuery::Metrics)
            }
            StatsQuery::Latency => {
                // The executors record at the ends of their turns, so each has another one.
                let command = ShardCommand::TakeTurn;
                return self.command_shards(executor, Gathering::Latency, command, echo);
            }
            StatsQuery::Items => (classes(ClassesReply::Items), ShardQuery::Classes),
            StatsQuery::Slabs => (classes(ClassesReply::Slabs), ShardQuery::Classes),
            StatsQuery::Sizes if settings.track_sizes => {
                (Gathering::Sizes(Box::default()), ShardQuery::Sizes)
            }
            StatsQuery::HotKeys if settings.hot_keys => {
                (Gathering::HotKeys(Box::default()), ShardQuery::HotKeys)
            }
            StatsQuery::MissRatioCurve if settings.has_miss_ratio_curve() => {
                (Gathering::MissRatioCurve(Box::default()), ShardQuery::MissRatioCurve)
            }
            StatsQuery::Prefixes if settings.dump => {
                let counts = Box::new(PrefixCounts::new(PREFIXES_SHOWN_MAX));
                (Gathering::Prefixes(counts), ShardQuery::Prefixes)
            }
            _ => return self.stats_of_server(executor, query, echo),
        };
        self.gather_answers(executor, gathering, asked, echo);
    }

    /// Answers `stats` with what needs no other shard.
    fn stats_of_server(
        &mut self,
        executor: &mut Executor,
        query: StatsQuery<'_>,
        echo: Option<Echo>,
    ) {
        let mut text = Vec::new();
        match query {
            StatsQuery::Settings => stats::settings(&mut text, &executor.shared),
            StatsQuery::Sizes => stats::sizes_disabled(&mut text),
            StatsQuery::Owners { keys } => stats::owners(&mut text, &executor.router, keys),
            // There is no external storage, or the others are switched off.
            StatsQuery::ExternalStorage | StatsQuery::HotKeys | StatsQuery::MissRatioCurve => {
                text.extend_from_slice(END);
            }
            StatsQuery::Connections => return self.stats_connections(executor),
            StatsQuery::Cachedump { class, lines_max } if executor.shared.settings.dump => {
                return self.begin_cachedump(class, lines_max);
            }
            StatsQuery::UnreadableCachedump(error) if executor.shared.settings.dump => {
                return self.reply(Reply::Error(error));
            }
            StatsQuery::Cachedump { .. } | StatsQuery::UnreadableCachedump(_) => {
                return self.reply(Reply::Error(error_lines::STATS_CACHEDUMP_NOT_ALLOWED));
            }
            StatsQuery::UnreadableDetail if executor.shared.settings.dump => {
                return self.reply(Reply::Error(error_lines::STATS_DETAIL_USAGE));
            }
            StatsQuery::Prefixes | StatsQuery::UnreadableDetail => {
                return self.refuse_stats(error_lines::STATS_DETAIL_NOT_ALLOWED, echo);
            }
            _ => return self.refuse_stats(error_lines::ERROR, echo),
        }
        self.reply_text(&text, echo);
    }

    /// `stats conns`: asks all executors. This one answers at the end of the turn.
    fn stats_connections(&mut self, executor: &mut Executor) {
        let gathering = Gathering::Connections(Box::default());
        let gather = Gather::new(gathering, executor.router.shards(), None);
        let slot = self.output.open_gather(Box::new(gather), &mut executor.spares);
        let ticket = self.ticket_for(slot);
        executor.report_tickets.push(ticket);
        for shard in executor.other_shards() {
            executor.outboxes.ask_for_report(shard, ticket);
        }
    }

    /// Refuses a `stats`: with this line, or a binary one with its only status for that.
    pub(super) fn refuse_stats(&mut self, line: &'static [u8], echo: Option<Echo>) {
        match echo {
            None => self.reply(Reply::Error(line)),
            Some(echo) => self.reply_binary(&BinaryReply::new(echo, BinaryStatus::NotFound)),
        }
    }
}

fn metrics(reply: MetricsReply) -> Gathering {
    Gathering::Metrics(Box::new(Snapshot::new()), reply)
}

fn classes(reply: ClassesReply) -> Gathering {
    Gathering::Classes(Box::default(), reply)
}
